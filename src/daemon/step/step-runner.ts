import { BangerError, type ErrorCode } from "../../rpc/contract/errors.ts";
import { hostTroubleOf } from "../../rpc/host-trouble.ts";
import { type StepEvent, stepCodes } from "../../rpc/contract/step.ts";
import type { Logger } from "../../telemetry/log.ts";
import { attribute } from "../../telemetry/names.ts";
import type { AttributeValue } from "../../telemetry/span-record.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { OperationContext } from "../operation/operations.ts";

/** One step of a lifecycle operation. It has no spans, logs or catch blocks of its own. */
export interface Step<S> {
  readonly name: string;
  /** What it acts on, for its spans, where no span below says so. */
  readonly on?: (subject: S) => Record<string, AttributeValue>;
  readonly do: (subject: S, signal: AbortSignal) => Promise<void>;
  /** Makes sure that what `do` made is gone, however far `do` came; or says why nothing has to. */
  readonly undo: ((subject: S) => Promise<void>) | { readonly none: string };
}

/** A list of steps to take. */
export interface StepRun<S> {
  /** The method, for messages: `vm.start`. */
  readonly operation: string;
  readonly subject: S;
  readonly steps: readonly Step<S>[];
  readonly context: Pick<OperationContext, "signal" | "emit" | "about">;
  /** On each step's span and log record. */
  readonly attributes?: Record<string, AttributeValue>;
  /** Takes all steps, also after one that failed, and undoes none: for steps that only take away. */
  readonly goOn?: boolean;
}

/** Takes steps in order; when one fails, undoes it and all before it in reverse. */
export interface StepRunner {
  run<S>(run: StepRun<S>): Promise<void>;
}

/** An undo has this long, whatever the caller's own deadline. */
const undoDeadlineMs = 20_000;

/** Causes that a caller acts on by their own code; any other failure is `step_failed`. */
const passedOn: ReadonlySet<ErrorCode> = new Set([
  ...stepCodes,
  "cancelled",
  "deadline_exceeded",
  "bad_params",
  "bad_version",
  "host_failed",
  "not_ready",
]);

/** The runner: a span and a log record for each step, and the caller told. */
export function createStepRunner(deps: { readonly spans: Spans; readonly log: Logger }): StepRunner {
  return {
    run: async (run) => {
      const began = performance.now();
      const vmId = run.attributes?.[attribute.vmId];
      if (typeof vmId === "string") run.context.about?.(vmId);
      const tell = async (step: string, phase: StepEvent["phase"]) => {
        const elapsed = Math.round((performance.now() - began) * 10) / 10;
        deps.log.info(
          { ...run.attributes, operation: run.operation, step, phase, elapsed_ms: elapsed },
          "operation stage",
        );
        deps.spans.event("operation stage", { [attribute.step]: step, [attribute.phase]: phase });
        await run.context.emit("step", { step, phase, elapsed_ms: elapsed } satisfies StepEvent);
      };
      type Taken = (typeof run.steps)[number];
      const inSpan = (what: "step" | "undo", { name, on }: Taken, work: () => Promise<void>) => {
        const attributes = { ...run.attributes, ...on?.(run.subject), [attribute.step]: name };
        return deps.spans.span(`${what} ${name}`, { attributes }, work);
      };

      const take = async (step: Taken) => {
        const { name } = step;
        try {
          run.context.signal.throwIfAborted();
          await tell(name, "started");
          await inSpan("step", step, () => step.do(run.subject, run.context.signal));
          await tell(name, "completed");
        } catch (cause) {
          await tell(name, "failed");
          throw cause;
        }
      };
      const undoAll = async (taken: readonly Taken[]) => {
        const failures: string[] = [];
        for (const step of taken.toReversed()) {
          const { name, undo } = step;
          if (typeof undo !== "function") continue;
          try {
            await inSpan("undo", step, () => withDeadline(name, undo(run.subject)));
            await tell(name, "undone");
          } catch (failure) {
            deps.log.error({ ...run.attributes, err: failure, step: name }, "undo failed");
            failures.push(`${name}: ${textOf(failure)}`);
          }
        }
        return failures;
      };

      const failed: { step: string; cause: unknown }[] = [];
      for (const [index, step] of run.steps.entries()) {
        try {
          await take(step);
        } catch (cause) {
          failed.push({ step: step.name, cause });
          if (run.goOn === true) continue;
          const taken = run.steps.slice(0, index + 1);
          const failures = await undoAll(taken);
          const undone = failures.length === 0 && taken.some(({ undo }) => typeof undo === "function");
          const beside = { key: "not_undone", says: "not undone", failures, undone } as const;
          throw stepFailure(run.operation, step.name, cause, beside);
        }
      }
      const [first, ...others] = failed;
      if (first === undefined) return;
      const failures = others.map(({ step, cause }) => `${step}: ${textOf(cause)}`);
      throw stepFailure(run.operation, first.step, first.cause, {
        key: "also_failed",
        says: "also",
        failures,
        undone: false,
      });
    },
  };
}

async function withDeadline(name: string, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new BangerError("deadline_exceeded", `undo of ${name} was not done in ${undoDeadlineMs} ms`)),
      undoDeadlineMs,
    );
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** What else went wrong, beside the cause. */
interface Beside {
  readonly key: "not_undone" | "also_failed";
  readonly says: string;
  readonly failures: readonly string[];
  /** True when what was made is gone; what is shared stays. */
  readonly undone: boolean;
}

/** The error of an operation of which a step failed: it says which and why, and what else went wrong. */
function stepFailure(
  operation: string,
  step: string,
  cause: unknown,
  { key, says, failures, undone }: Beside,
): BangerError {
  const known = cause instanceof BangerError ? cause : hostTroubleOf(cause);
  const beside = failures.length === 0 ? "" : `; ${says}: ${failures.join("; ")}`;
  return new BangerError(
    known !== undefined && passedOn.has(known.code) ? known.code : "step_failed",
    `${operation}: step ${step} failed: ${textOf(known ?? cause)}${beside}`,
    {
      cause,
      details: {
        ...(undone && known?.code === "cancelled" ? { hint: "What was begun has been undone." } : {}),
        ...known?.details,
        step,
        ...(known === undefined ? {} : { cause_code: known.code }),
        ...(failures.length === 0 ? {} : { [key]: failures }),
      },
    },
  );
}

function textOf(error: unknown): string {
  if (error instanceof BangerError) return error.plain;
  return error instanceof Error ? error.message : String(error);
}
