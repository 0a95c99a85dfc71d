import { parseTraceparent } from "../../../telemetry/traceparent.ts";
import { type HalvesDeps, removeHalf } from "../../store/halves.ts";
import { allPlaces } from "../../store/places.ts";
import { afterEnd } from "../lifecycle/after-end.ts";
import { releaseParts } from "../lifecycle/release.ts";
import { stopVm, type StopDeps } from "../lifecycle/stop.ts";
import { adopt, type SuperviseDeps } from "../supervise.ts";
import type { Held } from "../parts/part.ts";
import type { StoredVm, VmChange } from "../vm-records.ts";
import { type HalfVmsDeps, removeHalfVm } from "./halves.ts";
import type { Planned } from "./plan.ts";

/** What acting on a plan needs. */
export interface ActDeps extends SuperviseDeps, Pick<StopDeps, "helper">, Pick<HalfVmsDeps, "volumes"> {
  readonly halves: HalvesDeps;
}

/** What came of one thing of the plan. */
export type Outcome =
  | "adopted"
  | "unreachable"
  | "ended"
  | "rebooting"
  | "removed"
  | "stopped"
  | "stopping"
  | "left"
  | "changed";

/** A caller can give a guest so much time to shut down (`vm.stop`, timeout_s). */
const longestStopMs = 3_600_000;

/** Does what the plan says about one thing; what changed since it was planned is left to the next look. */
export async function act(deps: ActDeps, planned: Planned): Promise<Outcome> {
  const { action, vm, path } = planned;
  if (action === "none") return "left";
  if (vm === undefined) return removePath(deps, path);
  if (deps.locks.isHeld(vm.id)) return "changed";
  const record = deps.records.get(vm.id);
  if (action === "remove") return remove(deps, planned, vm.id, record);
  if (record === undefined) return "changed";
  switch (action) {
    case "end":
      return afterEnd(deps, record, undefined);
    case "adopt":
      return adoptAgain(deps, planned, record);
    case "go_on_stopping":
      return goOnStopping(deps, record);
  }
}

/** What is no VM's, if it still has no record. */
async function removePath({ halves }: ActDeps, path: string | undefined): Promise<Outcome> {
  if (path === undefined || allPlaces(halves).some((place) => place.path === path && place.recorded)) return "changed";
  await removeHalf(path, halves.run);
  return "removed";
}

/** What no VM owns: all that parts made of this generation or an older one, then the record and the directory of a half, or of what nobody is to have. */
async function remove(
  deps: ActDeps,
  { generation, unowned }: Planned,
  id: string,
  record: StoredVm | undefined,
): Promise<Outcome> {
  if (generation !== undefined) {
    const made = { id, generation: Math.max(1, generation, record?.generation ?? 0) };
    await deps.operations.unattended("vm.reconcile", undefined, (context) => {
      const release = () => releaseParts(deps, "vm.reconcile", made, context);
      return record === undefined ? release() : deps.locks.exclusive(record, "reconcile", release);
    });
  }
  if (record === undefined ? unowned === true : record.state === "creating") removeHalfVm(deps, id);
  return "removed";
}

/** A start that was cut off, or that an older database knows nothing of, is over: its guest is let go on. */
async function adoptAgain(deps: ActDeps, { vmm }: Planned, vm: StoredVm): Promise<Outcome> {
  const running = vmm === undefined ? vm : deps.records.update(vm.id, asRuns(deps, vm, vmm));
  return (await adopt(deps, running)) ? "adopted" : "unreachable";
}

/** How a VM is, by its VMM. */
function asRuns({ bootId }: ActDeps, vm: StoredVm, { generation, pid, started_at }: Held["vmms"][number]): VmChange {
  const now: VmChange = { state: "running", pid, started_at };
  if (generation === vm.generation) return now;
  return { ...now, generation, boot_id: bootId, stop_by: null, exit: null, error: null, stopped_for: null, waits: {} };
}

/** The end of the daemon, or the helper's absence, cut a stop short: it goes on with the time that its caller gave it. */
async function goOnStopping(deps: ActDeps, vm: StoredVm): Promise<Outcome> {
  const { locks, operations, log } = deps;
  // Were the clock set back since, it would be waited for years.
  const deadline = new Date(Math.min(Date.parse(vm.stop_by ?? ""), Date.now() + longestStopMs));
  const isOver = deadline.getTime() <= Date.now();
  if (!isOver) await adopt(deps, vm);
  const stopping = operations.unattended("vm.stop", parseTraceparent(vm.started_by), (context) =>
    locks.exclusive(vm, "stop", () => stopVm(deps, vm, deadline, context), context.cancel),
  );
  if (isOver) {
    await stopping;
    return "stopped";
  }
  // A guest may take its time: nothing else waits for it.
  stopping.catch((error: unknown) => log.error({ err: error, "banger.vm.id": vm.id }, "stopping it failed"));
  return "stopping";
}
