import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { AgentLink } from "../../guest/agent-link.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { StepRunner } from "../../step/step-runner.ts";
import type { RunningVm, RunningVms } from "../running.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";
import { stuck } from "../../vmm/driver.ts";
import type { ExitReader } from "./exit.ts";

/** What shutting a guest down needs. */
export interface ShutDownDeps {
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly exits: ExitReader;
  readonly steps: StepRunner;
}

/** Who asked a guest to go. */
export type AskedBy = "agent" | "power_button";

/** The agent has this part of the time; then the power button is pressed. */
const agentsPart = 2 / 3;
/** How often a VMM whose connection is lost is looked for, until it is gone. */
const lookAgainMs = 100;
const standsStill = "it stands still, as the host's disk can't be written, and can't shut down before it can";
/** As long as a timer can be: another signal ends the wait. */
const longestTimerMs = 2 ** 31 - 1;

/** One guest that is asked to go. */
interface Leaving {
  readonly deps: ShutDownDeps;
  readonly vm: StoredVm;
  readonly handle: RunningVm | undefined;
  /** When its time is over: as its record says it, and by the clock that nobody sets. */
  readonly deadline: Date;
  readonly deadlineMs: number;
  readonly context: OperationContext;
  /** Aborts when the guest has gone, its time is over or its caller left. */
  readonly over: AbortSignal;
  /** Who has asked it last, if anybody could. */
  asked: AskedBy | undefined;
}

/**
 * Asks a guest to go, by its agent as soon as that answers, then by its power button, and waits until it has gone or its time is
 * over. Says who asked last; undefined when nobody could.
 */
export async function shutDown(
  deps: ShutDownDeps,
  vm: StoredVm,
  deadline: Date,
  context: OperationContext,
): Promise<AskedBy | undefined> {
  const handle = deps.running.get(vm.id);
  const gone = new AbortController();
  const deadlineMs = performance.now() + Math.max(0, deadline.getTime() - Date.now());
  const over = AbortSignal.any([context.signal, timeUntil(deadlineMs), gone.signal]);
  const leaving: Leaving = { deps, vm, handle, deadline, deadlineMs, context, over, asked: undefined };
  try {
    const wasPaused = handle?.vmm.condition === "paused";
    if (wasPaused) {
      await stage(leaving, "resume", (signal) => handle.vmm.boot(signal));
    }
    const asking = askAgent(leaving);
    await stage(leaving, "ask_agent", () => waitUntil(leaving, agentsTime(leaving, wasPaused)));
    if (handle !== undefined && performance.now() < deadlineMs && (await deps.exits.isAlive(vm))) {
      await stage(leaving, "power_button", async (signal) => {
        await press(leaving, handle, signal);
        await waitUntil(leaving, deadlineMs);
      });
    }
    gone.abort();
    await asking;
    return leaving.asked;
  } finally {
    gone.abort();
  }
}

async function stage(
  { deps, vm, context }: Leaving,
  name: string,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await deps.steps.run({
    operation: "vm.stop",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      {
        name,
        do: (_, signal) => work(signal),
        undo: { none: "a guest that was asked to go can't be unasked" },
      },
    ],
  });
}

/** When the button is pressed: at once where no agent answers, though it could; never before the end where there is no VMM to press it. */
function agentsTime({ handle, deadlineMs }: Leaving, wasPaused: boolean): number {
  if (handle === undefined) return deadlineMs;
  const now = performance.now();
  return handle.agent.state === "silent" && !wasPaused ? now : now + (deadlineMs - now) * agentsPart;
}

/** Asks by the agent, as soon as it can be asked. */
async function askAgent(leaving: Leaving): Promise<void> {
  const { handle, over, context } = leaving;
  if (handle === undefined) return;
  const { agent, vmm } = handle;
  if (stuck.has(vmm.condition)) await context.emit("progress", { text: standsStill });
  try {
    await Promise.race([agent.ready(over, longestTimerMs), vmm.lost]);
    over.throwIfAborted();
  } catch {
    // The time is over, or there is nobody to ask.
    return;
  }
  isAsked(leaving, "agent");
  await Promise.race([shutDownQuietly(agent), vmm.lost, aborted(over)]);
}

async function press(leaving: Leaving, { vmm }: RunningVm, signal: AbortSignal): Promise<void> {
  const { context } = leaving;
  const why = leaving.asked === undefined ? "its agent does not answer" : "it did not shut down yet";
  await context.emit("progress", { text: `${why}: its power button is pressed` });
  isAsked(leaving, "power_button");
  await vmm.pressPowerButton(signal).catch(async (error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof BangerError)) throw error;
    await context.emit("progress", { text: `its power button could not be pressed: ${error.plain}` });
  });
}

/** Said in the record before it is asked: it can't be unasked, whoever ends meanwhile. */
function isAsked(leaving: Leaving, by: AskedBy): void {
  const { deps, vm, deadline } = leaving;
  deps.records.update(vm.id, { state: "stopping", stop_by: deadline.toISOString() });
  leaving.asked = by;
}

/** Waits until the guest has gone, or for so long. */
async function waitUntil(leaving: Leaving, until: number): Promise<void> {
  const { deps, vm, handle, deadlineMs, context } = leaving;
  const late = timeUntil(until);
  const over = AbortSignal.any([context.signal, late]);
  const gone = Promise.race([handle?.vmm.lost, aborted(over)]);
  while (!over.aborted && (await deps.exits.isAlive(vm))) {
    await gone;
    // The connection goes a moment before the process.
    await delay(lookAgainMs, undefined, { signal: over, ref: false }).catch(() => undefined);
  }
  if (context.signal.aborted) throw left(deps, vm, leaving.asked !== undefined, context.signal.reason);
  if (late.aborted && until === deadlineMs) {
    await context.emit("progress", { text: "it did not shut down in time and is taken away" });
  }
}

function timeUntil(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.min(Math.max(0, Math.ceil(ms - performance.now())), longestTimerMs));
}

async function shutDownQuietly(agent: AgentLink): Promise<void> {
  await agent.shutdown("poweroff").catch(() => undefined);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Why a stop ends whose caller left: nobody waits any more for a guest that was asked, and no time is over for it. */
function left({ records }: ShutDownDeps, { id, name }: StoredVm, asked: boolean, reason: unknown): BangerError {
  const why = reason instanceof BangerError ? reason.plain : "cancelled";
  if (!asked) return new BangerError("cancelled", `${why}; vm ${name} was not asked to shut down yet, and runs on`);
  records.update(id, { stop_by: null });
  return new BangerError("cancelled", `${why}; vm ${name} was asked to shut down, which can't be taken back`, {
    details: { hint: "`vm show` says when it has stopped, `vm kill` ends it now." },
  });
}
