import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../telemetry/log.ts";
import { attachDisk, isDevice } from "../disk/attach.ts";
import type { RoomOf } from "../disk/room.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { GuestKeys } from "../ssh/guest-keys.ts";
import { diskHabits, endsByHalt, type ShutdownCause, stuck } from "../vmm/driver.ts";
import { afterEnd, type AfterEndDeps, endHalted } from "./lifecycle/after-end.ts";
import { isHalted } from "./lifecycle/how-it-ended.ts";
import { connectVm, type ConnectionDeps } from "./parts/connection.ts";
import { guardSpace } from "./guard-space.ts";
import { resumeOnSpace } from "./resume-on-space.ts";
import type { StoredVm } from "./vm-records.ts";
import { watchHalt } from "./watch-halt.ts";

/** What supervising a VM needs. */
export interface SuperviseDeps extends AfterEndDeps, ConnectionDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly roomOf: RoomOf;
  readonly guestKeys: Pick<GuestKeys, "letIn">;
  /** The VMs whose VMM is being asked for a connection. */
  readonly adopting: Set<string>;
}

const notGivenKey = "a guest that runs could not be given the SSH key in use; `vm ssh` tries it again";
const firstRetryMs = 500;
const lastRetryMs = 10_000;
/** A guest that goes on has so long to answer. */
const clockDeadlineMs = 60_000;
/** A connection that lasted so long was a good one. */
const goodMs = 15_000;

/**
 * Cares for a VM that runs and that the daemon is connected to: notices when its VMM leaves or its guest halts, and when its disk is full, and has it let
 * in the SSH key in use.
 * `short`: how many connections before this one did not last.
 */
export function supervise(deps: SuperviseDeps, vm: StoredVm, short = 0): void {
  const handle = deps.running.get(vm.id);
  if (handle === undefined) return;
  const log = deps.log.child({ "banger.vm.id": vm.id });
  const { vmm, agent } = handle;
  const path = deps.layout.vm(vm.id).directory;
  // As large as it is by then: it may have been grown.
  const mend = isDevice(vm)
    ? (signal: AbortSignal) => attachDisk(deps.helper, vm, deps.records.must(vm.id).disk_mib, signal)
    : undefined;
  // A disk that may not meet a full file system: the kernel gives up a snapshot, and a guest whose write fails loses it.
  const guarded = mend !== undefined || !diskHabits[vm.vmm].stopsWhenFull;
  const began = performance.now();
  let resuming = false;
  // One at a time, however often its VMM says so.
  const look = () => {
    // A guest that stands still answers nothing, and its agent isn't to blame.
    agent.rest(vmm.condition === "paused" || stuck.has(vmm.condition));
    if (!stuck.has(vmm.condition) || resuming) return;
    resuming = true;
    const setClock = (signal: AbortSignal) => agent.setClock(signal, clockDeadlineMs);
    void resumeOnSpace({ vmm, path, roomOf: deps.roomOf, log, mend, guarded, setClock }).finally(
      () => (resuming = false),
    );
  };
  if (guarded) void guardSpace({ vmm, path, roomOf: deps.roomOf, log });
  vmm.onCondition(look);
  look();
  if (!endsByHalt[vm.vmm]) {
    void watchHalt({ vmm, agent, isHalted: () => isHalted(deps, vm) })
      .then((halted) => (halted ? endHalted(deps, vm) : undefined))
      .catch((error: unknown) => log.error({ err: error }, "a VM whose guest has halted could not be ended"));
  }
  void deps.guestKeys
    .letIn(vm.id, agent, deps.closing)
    .catch((error: unknown) => log.warn({ err: error }, notGivenKey));
  void vmm.lost
    .then(({ said }) => lost(deps, vm, said, performance.now() - began < goodMs ? short + 1 : 0))
    .catch((error: unknown) => log.error({ err: error }, "caring for a VM failed"));
}

/** Connects to a VMM that runs, now or later: one that doesn't answer is left alone and asked again. True when it is connected. */
export async function adopt(deps: SuperviseDeps, vm: StoredVm, short = 0): Promise<boolean> {
  if (deps.running.get(vm.id)?.generation === vm.generation) return true;
  // A VMM has one place for a control connection: two tries at a time would only be in each other's way.
  if (deps.adopting.has(vm.id)) return false;
  deps.adopting.add(vm.id);
  const log = deps.log.child({ "banger.vm.id": vm.id });
  if (await tryToAdopt(deps, vm, log, short)) {
    deps.adopting.delete(vm.id);
    return true;
  }
  void adoptLater(deps, vm, log, short)
    .catch((error: unknown) => log.error({ err: error }, "adopting failed"))
    .finally(() => deps.adopting.delete(vm.id));
  return false;
}

async function tryToAdopt(deps: SuperviseDeps, vm: StoredVm, log: Logger, short: number): Promise<boolean> {
  try {
    const { vmm } = await connectVm(deps, vm, deps.closing, () => isStill(deps, vm));
    // A start that died before left the guest before its first instruction.
    if (vmm.condition === "prelaunch") await vmm.boot(deps.closing);
    supervise(deps, vm, short);
    return true;
  } catch (error) {
    if (isStill(deps, vm)) deps.running.drop(vm.id, vm.generation);
    if (!deps.closing.aborted) log.warn({ err: error }, "its VMM can't be reached; it is asked again");
    return false;
  }
}

async function adoptLater(deps: SuperviseDeps, vm: StoredVm, log: Logger, short: number): Promise<void> {
  for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, lastRetryMs)) {
    await delay(waitMs, undefined, { ref: false, signal: deps.closing }).catch(() => undefined);
    if (deps.closing.aborted || !isStill(deps, vm)) return;
    if (!(await deps.exits.isAlive(vm))) return void (await afterEnd(deps, vm, undefined));
    if (await tryToAdopt(deps, vm, log, short)) return;
  }
}

/** A connection that is gone says nothing of the process: the helper does. */
async function lost(deps: SuperviseDeps, vm: StoredVm, said: ShutdownCause | undefined, short: number): Promise<void> {
  deps.running.drop(vm.id, vm.generation);
  // Whoever stops, kills or deletes it takes it away, and says so in the record.
  await deps.locks.whenFree(vm.id);
  if (deps.closing.aborted || !isStill(deps, vm)) return;
  if (!(await deps.exits.isAlive(vm))) return void (await afterEnd(deps, vm, said));
  // A VMM may greet and leave without end; the first time is asked again at once.
  const pauseMs = short < 2 ? 0 : Math.min(firstRetryMs * 2 ** (short - 2), lastRetryMs);
  await delay(pauseMs, undefined, { ref: false, signal: deps.closing }).catch(() => undefined);
  if (!deps.closing.aborted && isStill(deps, vm)) await adopt(deps, vm, short);
}

/** True while the record says that this very start of the VM runs. */
function isStill({ records }: SuperviseDeps, vm: StoredVm): boolean {
  const now = records.get(vm.id);
  return now !== undefined && now.generation === vm.generation && ["running", "stopping"].includes(now.state);
}
