import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { Spans } from "../../telemetry/spans.ts";
import { parseTraceparent } from "../../telemetry/traceparent.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import { afterEnd } from "./lifecycle/after-end.ts";
import { releaseParts } from "./lifecycle/release.ts";
import { stopVm } from "./lifecycle/stop.ts";
import type { Held, Made } from "./parts/part.ts";
import { activeStates } from "./state.ts";
import { adopt, type SuperviseDeps } from "./supervise.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";

/** What reconciling needs. */
export interface ReconcileDeps extends SuperviseDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly spans: Pick<Spans, "nowNs" | "operation">;
}

/** What could not be reconciled is tried again after this. */
const againMs = 10_000;
/** A caller can give a guest so much time to shut down (`vm.stop`, timeout_s). */
const longestStopMs = 3_600_000;

/** Removes directories without a record, and records without files: halves of a create or of a delete that a crash left. */
export function removeHalfVms({ layout, records }: { layout: SuperviseDeps["layout"]; records: VmRecords }): void {
  mkdirSync(layout.vms, { recursive: true, mode: 0o700 });
  for (const vm of records.list()) if (vm.state === "creating") records.delete(vm.id);
  for (const name of readdirSync(layout.vms)) {
    if (records.get(name) === undefined) rmSync(layout.vm(name).directory, { recursive: true, force: true });
  }
}

/** Makes records true; what failed is tried again later, until nothing does. */
export async function keepReconciled(deps: ReconcileDeps): Promise<void> {
  if (await deps.spans.operation("daemon.reconcile", {}, () => reconcile(deps))) return;
  void delay(againMs, undefined, { ref: false, signal: deps.closing })
    .then(() => keepReconciled(deps))
    // The daemon ends, or the helper is away: when it is back, all is compared anew.
    .catch((error: unknown) => deps.log.debug({ err: error }, "reconciling is not tried again"));
}

/** Compares what the host really holds of this installation's VMs with what the store says, VM by VM; true when none failed. */
async function reconcile(deps: ReconcileDeps): Promise<boolean> {
  const { helper, records, log } = deps;
  const held = await helper.call(helperContract.vmmList, {});
  const found = highestGenerations(deps.parts.flatMap((part) => part.found?.(held) ?? []));
  const active = records.list().filter(({ state }) => activeStates.has(state));
  const ids = new Set([...active.map(({ id }) => id), ...found.keys()]);
  const outcomes = await Promise.allSettled(
    [...ids].map((id) => reconcileOne(deps, held, { id, generation: found.get(id) ?? 0 })),
  );
  const failures = outcomes.filter((outcome) => outcome.status === "rejected");
  for (const { reason } of failures) log.error({ err: reason as unknown }, "a VM could not be reconciled");
  log.info({ vms: held.vmms.length, failed: failures.length }, "reconcile completed");
  return failures.length === 0;
}

function highestGenerations(all: readonly Made[]): Map<string, number> {
  const highest = new Map<string, number>();
  for (const { id, generation } of all) highest.set(id, Math.max(generation, highest.get(id) ?? 0));
  return highest;
}

async function reconcileOne(deps: ReconcileDeps, held: Held, found: Made): Promise<void> {
  const { records, locks, log } = deps;
  if (locks.isHeld(found.id)) return;
  const vm = records.get(found.id);
  if (vm === undefined || !activeStates.has(vm.state)) {
    await removeUnowned(deps, found, vm);
    log.info({ "banger.vm.id": found.id }, "removed what no VM owns");
    return;
  }
  const outcome = await reconcileActive(deps, held, vm);
  log.info({ "banger.vm.id": vm.id, before: vm.state, outcome }, "reconciled");
}

async function removeUnowned(deps: ReconcileDeps, found: Made, vm: StoredVm | undefined): Promise<void> {
  const made = { id: found.id, generation: Math.max(1, found.generation, vm?.generation ?? 0) };
  await deps.operations.unattended("vm.reconcile", undefined, (context) => {
    const remove = () => releaseParts(deps, "vm.reconcile", made, context);
    return vm === undefined ? remove() : deps.locks.exclusive(vm, "reconcile", remove);
  });
}

/** A VM of which the record says that it starts, runs or stops. Only a dead VMM ends one. */
async function reconcileActive(deps: ReconcileDeps, held: Held, vm: StoredVm): Promise<string> {
  const { records } = deps;
  const alive = held.vmms.find(({ vm_id, generation }) => vm_id === vm.id && generation === vm.generation);
  if (alive === undefined) return afterEnd(deps, vm, undefined);
  if (vm.state === "stopping" && vm.stop_by !== null) {
    // Were the clock set back since, it would be waited for years.
    const latest = Date.now() + longestStopMs;
    return goOnStopping(deps, vm, new Date(Math.min(Date.parse(vm.stop_by), latest)));
  }
  const running =
    vm.state === "starting"
      ? records.update(vm.id, { state: "running", pid: alive.pid, started_at: alive.started_at })
      : vm;
  return (await adopt(deps, running)) ? "adopted" : "unreachable";
}

/** The end of the daemon, or the helper's absence, cut a stop short: it goes on with the time that its caller gave it. */
async function goOnStopping(deps: ReconcileDeps, vm: StoredVm, deadline: Date): Promise<string> {
  const { locks, operations, log } = deps;
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
