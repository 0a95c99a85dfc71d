import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { AgentLink } from "../../guest/agent-link.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { RunningVm, RunningVms } from "../running.ts";
import type { StoredVm } from "../vm-records.ts";
import { type ExitReader, killed } from "./exit.ts";
import { endVm, type ReleaseDeps } from "./release.ts";

/** What stopping a VM needs. */
export interface StopDeps extends ReleaseDeps {
  readonly running: RunningVms;
  readonly exits: ExitReader;
}

/** How often a VMM whose connection is lost is looked for, until it is gone. */
const lookAgainMs = 100;
const standsStill = "it stands still, as the host's disk is full, and can't shut down before there is room";
/** As long as a timer can be: another signal ends the wait. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Shuts a VM down in order, and takes it away when that takes longer than until `deadline`. The caller holds the VM's lock. A
 * guest that was asked to go can't be unasked: when the caller leaves then, the VM stays `stopping`, and its end is noticed.
 */
export async function stopVm(
  deps: StopDeps,
  vm: StoredVm,
  deadline: Date,
  context: OperationContext,
): Promise<StoredVm> {
  const handle = deps.running.get(vm.id);
  const asked = deadline.getTime() > Date.now() && (await shutDown(deps, vm, handle, deadline, context));
  return takeAway(deps, "vm.stop", vm, context, handle?.vmm.said ?? (asked ? "shutdown" : undefined));
}

/** Takes a VM away, whatever it does; what is dead already keeps its own end. The caller holds the VM's lock. */
export async function takeAway(
  deps: StopDeps,
  operation: "vm.stop" | "vm.kill" | "vm.delete",
  before: StoredVm,
  context: OperationContext,
  said = deps.running.get(before.id)?.vmm.said,
): Promise<StoredVm> {
  // An end that is known is kept before anything is released, which may fail.
  const exit = before.exit ?? (await deps.exits.endOf(before, said)) ?? null;
  const vm = deps.records.update(before.id, { state: "stopping", stop_by: new Date().toISOString(), exit });
  // Why a start failed that left something stays said.
  return endVm(deps, operation, vm, { state: "stopped", error: before.error, exit: exit ?? killed() }, context);
}

/** Waits until the guest has gone, or its time is over; true when it was asked to. */
async function shutDown(
  deps: StopDeps,
  vm: StoredVm,
  handle: RunningVm | undefined,
  deadline: Date,
  context: OperationContext,
): Promise<boolean> {
  const { records, steps, exits } = deps;
  let asked = false;
  await steps.run({
    operation: "vm.stop",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      {
        name: "shutdown",
        do: async (_, signal) => {
          const late = AbortSignal.timeout(Math.min(Math.max(0, deadline.getTime() - Date.now()), longestTimerMs));
          const over = AbortSignal.any([signal, late]);
          if (handle?.vmm.condition === "no_space") await context.emit("progress", { text: standsStill });
          asked = await ask(handle, over, () =>
            records.update(vm.id, { state: "stopping", stop_by: deadline.toISOString() }),
          );
          const gone = Promise.race([handle?.vmm.lost, aborted(over)]);
          while (!over.aborted && (await exits.isAlive(vm))) await lookAgain(gone, over);
          if (signal.aborted) throw left(deps, vm, asked, signal.reason);
          if (late.aborted) await context.emit("progress", { text: "it did not shut down in time and is taken away" });
        },
        undo: { none: "a guest that was asked to go can't be unasked" },
      },
    ],
  });
  return asked;
}

/** Asks a guest to go, as soon as its agent can be asked; `asking` is called just before. False when the time was over first. */
async function ask(handle: RunningVm | undefined, over: AbortSignal, asking: () => void): Promise<boolean> {
  if (handle === undefined) return false;
  const { agent, vmm } = handle;
  try {
    await Promise.race([agent.ready(over, longestTimerMs), vmm.lost]);
    over.throwIfAborted();
  } catch {
    // The time is over, or there is nobody to ask: what can't be asked is taken away.
    return false;
  }
  asking();
  await Promise.race([shutDownQuietly(agent), vmm.lost, aborted(over)]);
  return true;
}

async function shutDownQuietly(agent: AgentLink): Promise<void> {
  await agent.shutdown("poweroff").catch(() => undefined);
}

async function lookAgain(gone: Promise<unknown>, over: AbortSignal): Promise<void> {
  await gone;
  // The connection goes a moment before the process.
  await delay(lookAgainMs, undefined, { signal: over, ref: false }).catch(() => undefined);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Why a stop ends whose caller left: nobody waits any more for a guest that was asked, and no time is over for it. */
function left({ records }: StopDeps, { id, name }: StoredVm, asked: boolean, reason: unknown): BangerError {
  const why = reason instanceof BangerError ? reason.plain : "cancelled";
  if (!asked) return new BangerError("cancelled", `${why}; vm ${name} was not asked to shut down yet, and runs on`);
  records.update(id, { stop_by: null });
  return new BangerError("cancelled", `${why}; vm ${name} was asked to shut down, which can't be taken back`, {
    details: { hint: "`vm show` says when it has stopped, `vm kill` ends it now." },
  });
}
