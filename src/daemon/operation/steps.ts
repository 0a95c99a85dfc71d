import type { OperationStep } from "../../rpc/contract/operation.ts";
import type { StepEvent } from "../../rpc/contract/step.ts";
import { attribute } from "../../telemetry/names.ts";
import type { SpanRecord } from "../../telemetry/span-record.ts";
import type { OperationEvent } from "./event-log.ts";

/** The steps of an operation as its events tell of them. */
export function stepsOf(events: readonly OperationEvent[]): OperationStep[] {
  const steps: OperationStep[] = [];
  for (const { event, data } of events) {
    if (event !== "step") continue;
    const { step, phase, elapsed_ms: elapsed } = data as StepEvent;
    const at = steps.findLastIndex((known) => known.step === step);
    const known = steps[at];
    if (phase === "started" || known === undefined) {
      steps.push({ step, phase, began_ms: elapsed, took_ms: phase === "started" ? null : 0 });
    } else if (phase === "undone") steps[at] = { ...known, phase };
    else steps[at] = { ...known, phase, took_ms: rounded(elapsed - known.began_ms) };
  }
  return steps;
}

/** The steps of an operation as its spans tell of them, once nothing else does. */
export function stepsOfSpans(spans: readonly SpanRecord[], startedNs: bigint): OperationStep[] {
  const steps: OperationStep[] = [];
  const inOrder = spans.toSorted((a, b) => Number(BigInt(a.start_ns) - BigInt(b.start_ns)));
  for (const span of inOrder) {
    const step = span.attributes[attribute.step];
    if (typeof step !== "string") continue;
    if (span.name === `undo ${step}`) {
      const at = steps.findLastIndex((known) => known.step === step);
      const known = steps[at];
      if (known !== undefined && span.status !== "error") steps[at] = { ...known, phase: "undone" };
    } else if (span.name === `step ${step}`) {
      steps.push({
        step,
        phase: span.status === "error" ? "failed" : "completed",
        began_ms: msBetween(startedNs, BigInt(span.start_ns)),
        took_ms: msBetween(BigInt(span.start_ns), BigInt(span.end_ns)),
      });
    }
  }
  return steps;
}

/** The events that told of these steps, for whoever follows an operation that only its trace remembers. */
export function eventsOf(steps: readonly OperationStep[]): OperationEvent[] {
  return steps.flatMap(({ step, phase, began_ms: began, took_ms: took }) => {
    const tell = (told: StepEvent["phase"], elapsed: number) => ({
      event: "step",
      data: { step, phase: told, elapsed_ms: rounded(elapsed) } satisfies StepEvent,
    });
    return [tell("started", began), ...(phase === "started" ? [] : [tell(phase, began + (took ?? 0))])];
  });
}

function msBetween(from: bigint, to: bigint): number {
  return rounded(Math.max(0, Number(to - from) / 1e6));
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
