import { BangerError } from "../../../rpc/contract/errors.ts";
import { parseTraceparent } from "../../../telemetry/traceparent.ts";
import type { OperationContext, Operations } from "../../operation/operations.ts";
import type { ShutdownCause } from "../../vmm/driver.ts";
import type { RebootLimit } from "../reboot-limit.ts";
import { activeStates } from "../state.ts";
import type { VmLocks } from "../vm-locks.ts";
import type { StoredVm } from "../vm-records.ts";
import { endDead, type EndDeadDeps } from "./end-dead.ts";
import { type End, howItEnded, type HowItEndedDeps } from "./how-it-ended.ts";
import { releaseParts } from "./release.ts";
import { failureOf } from "./run.ts";

/** What following the end of a VMM needs. */
export interface AfterEndDeps extends EndDeadDeps, HowItEndedDeps {
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly reboots: RebootLimit;
  /** Starts a VM that ran until now. */
  readonly startAgain: (vm: StoredVm, context: OperationContext) => Promise<StoredVm>;
}

/** What follows the end of a VMM that nobody took away: a guest that rebooted is started again, any other is over. */
export async function afterEnd(
  deps: AfterEndDeps,
  vm: StoredVm,
  said: ShutdownCause | undefined,
): Promise<"ended" | "rebooting"> {
  // What was written down since counts: the connection's view is of when it was made.
  const now = isSame(deps, vm);
  if (now === undefined) return "ended";
  const end = await howItEnded(deps, now, said);
  if (now.state === "running" && now.boot_id === deps.bootId && rebooted(deps, now, end)) {
    // Its boot takes its time: nothing else waits for it.
    void reboot(deps, now, end).catch((error: unknown) =>
      deps.log.error({ err: error, "banger.vm.id": vm.id }, "a guest that rebooted was not started again"),
    );
    return "rebooting";
  }
  await alone(deps, "vm.exited", "exit", now, (latest, context) => endDead(deps, latest, end, context));
  return "ended";
}

function rebooted({ reboots }: AfterEndDeps, { id, generation, started_at }: StoredVm, { exit }: End): boolean {
  if (exit.how !== "reset") return false;
  return reboots.allows({ id, generation }, Date.parse(exit.at) - Date.parse(started_at ?? exit.at));
}

/** Takes away what the run that ended held, and starts the next one. The record says `running` until that begins: a daemon that ends meanwhile does this again. */
async function reboot(deps: AfterEndDeps, vm: StoredVm, end: End): Promise<void> {
  const { records, log } = deps;
  await alone(deps, "vm.reboot", "reboot", vm, async (now, context) => {
    try {
      await releaseParts(deps, "vm.reboot", now, context);
    } catch (error) {
      records.update(vm.id, { state: "stopping", exit: end.exit, error: failureOf(error), pid: null });
      throw error;
    }
    log.info({ "banger.vm.id": vm.id }, "the guest rebooted: it is started again");
    try {
      await deps.startAgain(now, context);
    } catch (error) {
      // Refused before it began: nothing runs any more, and the record says so.
      if (records.must(vm.id).state === "running") {
        records.update(vm.id, {
          state: "stopped",
          exit: end.exit,
          error: failureOf(error),
          pid: null,
          started_at: null,
        });
      }
      throw error;
    }
  });
}

/** As an operation that links to the VM's start, under its lock, unless somebody else takes it away. */
async function alone(
  deps: AfterEndDeps,
  operation: "vm.exited" | "vm.reboot",
  mutation: string,
  vm: StoredVm,
  work: (now: StoredVm, context: OperationContext) => Promise<void>,
): Promise<void> {
  await deps.operations.unattended(operation, parseTraceparent(vm.started_by), async (context) => {
    let held = false;
    const whenHeld = async () => {
      held = true;
      const now = isSame(deps, vm);
      if (now !== undefined) await work(now, context);
    };
    await deps.locks.exclusive(vm, mutation, whenHeld, context.cancel).catch((failure: unknown) => {
      if (held || !(failure instanceof BangerError) || failure.code !== "busy") throw failure;
    });
  });
}

/** The record, as long as it is of this very start and says that something may run. */
function isSame({ records }: AfterEndDeps, { id, generation }: StoredVm): StoredVm | undefined {
  const now = records.get(id);
  return now?.generation === generation && activeStates.has(now.state) ? now : undefined;
}
