import type { Logger } from "../../telemetry/log.ts";
import type { OperationContext, Operations } from "../operation/operations.ts";
import { failureOf, type RunDeps, runVm } from "./lifecycle/run.ts";
import { activeStates, mustAllow } from "./state.ts";
import type { VmLocks } from "./vm-locks.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";

/** What starting VMs with the daemon needs. */
export interface AutostartDeps {
  readonly records: VmRecords;
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly run: RunDeps;
  /** Which run of the host this is. */
  readonly bootId: string;
  readonly log: Logger;
  /** Aborts when the daemon ends: nothing is begun any more. */
  readonly closing: AbortSignal;
}

/** So many start at once: a host that boots has other things to do too. */
const atOnce = 2;

/**
 * True for a VM that is to be started: it doesn't run, and nobody has started it in this run of the host yet. One that was started and
 * doesn't run any more was stopped, by hand, by itself or as its time was over, and stays so until the host boots again.
 */
function isToStart(vm: Pick<StoredVm, "autostart" | "state" | "boot_id">, bootId: string): boolean {
  return vm.autostart && vm.state !== "creating" && !activeStates.has(vm.state) && vm.boot_id !== bootId;
}

/** Starts what is to be started with the daemon, each as an operation of its own; one that fails stops no other. */
export async function autostart(deps: AutostartDeps): Promise<void> {
  const { records, bootId, closing } = deps;
  const waiting = records.list().filter((vm) => isToStart(vm, bootId));
  const startNext = async (): Promise<void> => {
    for (let vm = waiting.shift(); vm !== undefined && !closing.aborted; vm = waiting.shift()) await startOne(deps, vm);
  };
  await Promise.all(Array.from({ length: atOnce }, startNext));
}

async function startOne({ operations, locks, log, ...deps }: AutostartDeps, vm: StoredVm): Promise<void> {
  const work = (context: OperationContext) =>
    locks.exclusive(vm, "start", () => startUnlessStarted(deps, vm, context), context.cancel);
  try {
    await operations.unattended("vm.start", undefined, work);
    log.info({ "banger.vm.id": vm.id }, "a VM was started with the daemon");
  } catch (error) {
    log.warn({ err: error, "banger.vm.id": vm.id }, "a VM could not be started with the daemon");
  }
}

/** Whoever was faster has done it, or wants it otherwise. */
async function startUnlessStarted(
  { records, run, bootId }: Pick<AutostartDeps, "records" | "run" | "bootId">,
  { id }: StoredVm,
  context: OperationContext,
): Promise<void> {
  const vm = records.get(id);
  if (vm === undefined || !isToStart(vm, bootId)) return;
  mustAllow("start", vm);
  await records.mustHaveRoom();
  try {
    await runVm(run, vm, { overcommit: false, warnings: [] }, context);
  } catch (error) {
    // Nobody waits for the answer: what was refused before it began stands in the record too.
    const now = records.get(id);
    if (now !== undefined && now.error === null && !activeStates.has(now.state)) {
      records.update(id, { error: failureOf(error) });
    }
    throw error;
  }
}
