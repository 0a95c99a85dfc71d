import { type OpId, opIdOfTrace } from "../../telemetry/op-id.ts";
import type { SpanRecord } from "../../telemetry/span-record.ts";

/** What spans say of their operation, as the store has it. */
export interface OperationRow {
  trace_id: string;
  name: string;
  started_ns: bigint;
  ended_ns: bigint;
  status: string;
  spans: bigint;
}

/** What the store has of an operation beyond what its spans say: who asked, and what came of it. */
export interface OperationFacts {
  caller_uid: bigint | null;
  caller_pid: bigint | null;
  outcome: string | null;
  error: string | null;
}

/** One remembered operation, as `trace ls` lists it. */
export interface OperationSummary {
  op_id: OpId;
  name: string;
  started_at: string;
  duration_ms: number;
  status: "ok" | "error" | "running";
  spans: number;
}

/** An operation is named and judged by its outermost span: the one that begins first. */
export function merge(row: OperationRow | undefined, span: SpanRecord): OperationRow {
  const start = BigInt(span.start_ns);
  const end = BigInt(span.end_ns);
  const outermost = row === undefined || span.parent_span_id === undefined || start < row.started_ns;
  return {
    trace_id: span.trace_id,
    name: outermost ? span.name : row.name,
    status: outermost ? (span.status === "error" ? "error" : "ok") : row.status,
    started_ns: row === undefined || start < row.started_ns ? start : row.started_ns,
    ended_ns: row === undefined || end > row.ended_ns ? end : row.ended_ns,
    spans: (row?.spans ?? 0n) + 1n,
  };
}

/** An operation as `trace ls` lists it. */
export function summaryOf(row: OperationRow & Pick<OperationFacts, "outcome">): OperationSummary {
  return {
    op_id: opIdOfTrace(row.trace_id),
    name: row.name,
    started_at: new Date(Number(row.started_ns / 1_000_000n)).toISOString(),
    duration_ms: Number(row.ended_ns - row.started_ns) / 1e6,
    status: statusOf(row),
    spans: Number(row.spans),
  };
}

/** What outlived its caller, or its daemon, went as its outcome says: the outermost span ended before it did. */
function statusOf({ outcome, status }: OperationRow & Pick<OperationFacts, "outcome">): OperationSummary["status"] {
  if (outcome === "running") return "running";
  return status === "error" || (outcome !== null && outcome !== "ok") ? "error" : "ok";
}

/** Who asked for an operation and what came of it, as `trace show` answers it; what isn't known is absent. */
export function factsOf({ caller_uid, caller_pid, outcome, error }: OperationFacts) {
  return {
    ...(caller_uid === null ? {} : { caller_uid: Number(caller_uid) }),
    ...(caller_pid === null ? {} : { caller_pid: Number(caller_pid) }),
    ...(outcome === null ? {} : { outcome }),
    ...(error === null ? {} : { error }),
  };
}
