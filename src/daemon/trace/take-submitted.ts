import { acceptSpans } from "../../rpc/foreign-spans.ts";
import { services } from "../../telemetry/names.ts";
import { type OpId, opIdOfTrace } from "../../telemetry/op-id.ts";
import type { SpanSink } from "../../telemetry/span-record.ts";
import type { ForeignRecords } from "../log/foreign-records.ts";

const fromCli = acceptSpans(services.cli);

/** What taking in what a caller hands over needs. */
export interface TakeSubmittedDeps {
  readonly keep: SpanSink;
  readonly foreign: Pick<ForeignRecords, "fromCli">;
  readonly traces: { readonly knows: (traceId: string) => boolean };
  /** Those of this daemon: of one that has just begun no span is kept yet. */
  readonly operations: { readonly knows: (opId: OpId) => boolean; readonly vmOf: (opId: OpId) => string | undefined };
}

/** What was handed over, and whether its connection asked for what is told of. */
interface Submitted {
  readonly spans: readonly unknown[];
  readonly records?: readonly unknown[] | undefined;
  readonly ownsTrace: (traceId: string) => boolean;
}

/** Keeps what a caller tells of operations that it asked for, or in which no daemon took part (an installation, say): of those it alone can tell. */
export function takeSubmitted({ keep, foreign, traces, operations }: TakeSubmittedDeps, submitted: Submitted): number {
  const { spans, records = [], ownsTrace } = submitted;
  const told = fromCli(spans);
  const isKnown = (trace: string) => operations.knows(opIdOfTrace(trace)) || traces.knows(trace);
  const unknown = new Set(told.flatMap(({ trace_id: trace }) => (isKnown(trace) ? [] : [trace])));
  const mayTell = (trace: string) => ownsTrace(trace) || unknown.has(trace);
  const own = told.filter(({ trace_id: trace }) => mayTell(trace));
  for (const span of own) keep(span);
  foreign.fromCli(records, mayTell, (opId) => operations.vmOf(opId));
  return own.length;
}
