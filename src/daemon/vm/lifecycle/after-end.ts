import { setTimeout as delay } from "node:timers/promises";
import { parseTraceparent } from "../../../telemetry/traceparent.ts";
import type { OperationContext, Operations } from "../../operation/operations.ts";
import type { ShutdownCause } from "../../vmm/driver.ts";
import type { RebootLimit } from "../reboot-limit.ts";
import { activeStates } from "../state.ts";
import type { VmLocks } from "../vm-locks.ts";
import type { StoredVm } from "../vm-records.ts";
import { endDead, type EndDeadDeps } from "./end-dead.ts";
import { type End, endByHalt, howItEnded, type HowItEndedDeps, isHalted } from "./how-it-ended.ts";
import { releaseParts } from "./release.ts";
import { failureOf } from "./run.ts";

/** What following the end of a VMM needs. */
export interface AfterEndDeps extends EndDeadDeps, HowItEndedDeps {
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly reboots: RebootLimit;
  /** Aborts when the daemon ends. */
  readonly closing: AbortSignal;
  /** Starts a VM that ran until now. */
  readonly startAgain: (vm: StoredVm, context: OperationContext) => Promise<StoredVm>;
}

const firstAskMs = 500;
const lastAskMs = 10_000;

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
  if (end.unasked === true) {
    await keepUntilAsked(deps, now, end);
    return "ended";
  }
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

/** Ends a VM whose guest has halted, and whose VMM doesn't end by that: it went in order. */
export async function endHalted(deps: AfterEndDeps, vm: StoredVm): Promise<void> {
  await alone(deps, "vm.exited", "exit", vm, async (now, context) => {
    if (isHalted(deps, now)) await endDead(deps, now, endByHalt(deps, now), context);
  });
}

/**
 * Keeps an end of which only the helper, which is away, may know how. Nothing is released before it was asked: by that it would
 * forget. It is asked again until it answers; whoever compares meanwhile asks too.
 */
async function keepUntilAsked(deps: AfterEndDeps, vm: StoredVm, end: End): Promise<void> {
  const { records, log, closing } = deps;
  const message = "the VMM ended while the helper is away, which is asked how when it is back";
  await alone(deps, "vm.exited", "exit", vm, async (now, { opId }) => {
    if (now.exit !== null) return;
    const error = { code: "guest_died", message, op_id: opId };
    records.update(now.id, { state: "stopping", exit: end.exit, error, pid: null });
    log.warn({ "banger.vm.id": now.id }, message);
  });
  const again = async () => {
    for (let waitMs = firstAskMs; ; waitMs = Math.min(waitMs * 2, lastAskMs)) {
      await delay(waitMs, undefined, { ref: false, signal: closing }).catch(() => undefined);
      if (closing.aborted || isSame(deps, vm)?.exit?.how !== "unknown") return;
      const answered = await deps.exits.status(vm.id).catch(() => undefined);
      if (answered !== undefined) return void (await afterEnd(deps, vm, undefined));
    }
  };
  again().catch((error: unknown) =>
    log.error({ err: error, "banger.vm.id": vm.id }, "how a VM ended was not found out"),
  );
}

/** True for a guest that rebooted and is to be started again. */
function rebooted(
  { reboots }: AfterEndDeps,
  { id, generation, started_at, on_reboot }: StoredVm,
  { exit }: End,
): boolean {
  if (exit.how !== "reset" || on_reboot === "stop") return false;
  return reboots.allows({ id, generation }, Date.parse(exit.at) - Date.parse(started_at ?? exit.at));
}

/** Takes away what the run that ended held, and starts the next one. The record says `running` until that begins: a daemon that ends meanwhile does this again. */
async function reboot(deps: AfterEndDeps, vm: StoredVm, end: End): Promise<void> {
  const { records, log } = deps;
  await alone(deps, "vm.reboot", "reboot", vm, async (now, context) => {
    // Its release takes what the helper knows of its end: a daemon that ends meanwhile reads it here.
    records.update(vm.id, { exit: end.exit });
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

/** As an operation that links to the VM's start, under its lock; unless somebody else, whose mutation is awaited, has taken it away. */
async function alone(
  deps: AfterEndDeps,
  operation: "vm.exited" | "vm.reboot",
  mutation: string,
  vm: StoredVm,
  work: (now: StoredVm, context: OperationContext) => Promise<void>,
): Promise<void> {
  const { locks, operations } = deps;
  await locks.whenFree(vm.id);
  if (isSame(deps, vm) === undefined) return;
  await operations.unattended(operation, parseTraceparent(vm.started_by), (context) =>
    locks.next(
      vm,
      mutation,
      async () => {
        const now = isSame(deps, vm);
        if (now !== undefined) await work(now, context);
      },
      context.cancel,
    ),
  );
}

/** The record, as long as it is of this very start and says that something may run. */
function isSame({ records }: AfterEndDeps, { id, generation }: StoredVm): StoredVm | undefined {
  const now = records.get(id);
  return now?.generation === generation && activeStates.has(now.state) ? now : undefined;
}
