import { BangerError, type ErrorCode } from "../rpc/contract/errors.ts";
import type { StepEvent } from "../rpc/contract/step.ts";
import { hostTroubleOf } from "../rpc/host-trouble.ts";
import { attribute } from "../telemetry/names.ts";
import type { Spans } from "../telemetry/spans.ts";

/** One step on this host. It opens no span of its own and prints nothing. */
export interface Step {
  readonly name: string;
  /** What it would do now, a line each; nothing where all is as it should be: then it isn't taken. */
  readonly plan: () => readonly string[] | Promise<readonly string[]>;
  readonly do: (signal: AbortSignal) => void | Promise<void>;
  /** Makes this host what it was before, however far `do` came; or says why nothing has to. */
  readonly undo: (() => void | Promise<void>) | { readonly none: string };
}

/** What steps are taken with. */
export interface StepDeps {
  readonly spans: Spans | undefined;
  readonly tell: (event: StepEvent) => void;
  readonly signal: AbortSignal;
}

/** What all the steps would do, in order. */
export async function planOf(steps: readonly Step[]): Promise<string[]> {
  const lines: string[] = [];
  for (const { plan } of steps) lines.push(...(await plan()));
  return lines;
}

/** Takes the steps that have something to do, in order; when one fails, or Ctrl-C came before it, undoes it and those before it in reverse. */
export async function takeSteps(operation: string, steps: readonly Step[], deps: StepDeps): Promise<void> {
  const { signal } = deps;
  const began = performance.now();
  const tell = (step: string, phase: StepEvent["phase"]) =>
    deps.tell({ step, phase, elapsed_ms: Math.round((performance.now() - began) * 10) / 10 });
  const inSpan = async (name: string, step: string, work: () => void | Promise<void>) => {
    if (deps.spans === undefined) return work();
    await deps.spans.span(name, { attributes: { [attribute.step]: step } }, async () => work());
  };

  const taken: Step[] = [];
  for (const step of steps) {
    try {
      signal.throwIfAborted();
      if ((await step.plan()).length === 0) continue;
      taken.push(step);
      tell(step.name, "started");
      await inSpan(`step ${step.name}`, step.name, () => step.do(signal));
      tell(step.name, "completed");
    } catch (cause) {
      if (taken.at(-1) === step) tell(step.name, "failed");
      const stays = taken.some(({ undo }) => typeof undo !== "function");
      throw failure(operation, step.name, cause, { ...(await undoAll()), stays }, deps.spans?.activeIds()?.opId);
    }
  }

  async function undoAll(): Promise<Omit<Undone, "stays">> {
    const left: string[] = [];
    let undone = 0;
    for (const { name, undo } of taken.toReversed()) {
      if (typeof undo !== "function") continue;
      try {
        await inSpan(`undo ${name}`, name, undo);
        tell(name, "undone");
        undone++;
      } catch (error) {
        left.push(`${name}: ${textOf(error)}`);
      }
    }
    return { undone, left };
  }
}

interface Undone {
  readonly undone: number;
  readonly left: readonly string[];
  /** Some of what was done is done for good. */
  readonly stays: boolean;
}

/** Codes that say more than that a step failed. */
const passedOn: ReadonlySet<ErrorCode> = new Set([
  "already_exists",
  "bad_content",
  "bad_version",
  "cancelled",
  "command_failed",
  "deadline_exceeded",
  "host_failed",
  "in_use",
  "missing_tool",
  "no_space",
  "not_ready",
]);

function failure(
  operation: string,
  step: string,
  cause: unknown,
  { undone, left, stays }: Undone,
  opId: string | undefined,
): BangerError {
  const known = cause instanceof BangerError ? cause : hostTroubleOf(cause);
  const after =
    left.length > 0
      ? `; not undone: ${left.join("; ")}`
      : undone > 0
        ? "; what was begun has been undone"
        : stays
          ? "; what was done before that stays done, and the same command goes on from there"
          : "; nothing was changed";
  const details = {
    hint:
      left.length > 0
        ? "Put that right and run the command again: it goes on from there."
        : "Put that right, then run the command again.",
    ...known?.details,
    step,
    undone: left.length === 0,
    ...(left.length === 0 ? {} : { not_undone: left }),
  };
  // Perhaps no daemon will ever be there to be asked for it.
  const records = opId === undefined ? "" : ` \`journalctl BANGER_OP_ID=${opId}\` has what was logged of it.`;
  return new BangerError(
    known !== undefined && passedOn.has(known.code) ? known.code : "step_failed",
    `${operation}: step ${step} failed: ${textOf(known ?? cause)}${after}`,
    { cause, details: { ...details, hint: `${details.hint}${records}` } },
  );
}

function textOf(error: unknown): string {
  if (error instanceof BangerError) return error.plain;
  return error instanceof Error ? error.message : String(error);
}
