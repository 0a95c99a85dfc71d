import type { DatabaseSync } from "node:sqlite";
import { BangerError } from "../../rpc/contract/errors.ts";
import { type OpId, opIdOfTrace } from "../../telemetry/op-id.ts";
import type { SpanRecord } from "../../telemetry/span-record.ts";

/** So many operations are remembered; the oldest go first. */
const keptOperations = 200;
/** So many spans of one operation are kept. */
const maxSpansPerTrace = 2_000;
/** Spans wait this long for others before they are written, in one transaction. */
const flushAfterMs = 100;

interface OperationRow {
  trace_id: string;
  name: string;
  started_ns: bigint;
  ended_ns: bigint;
  status: string;
  spans: bigint;
}

/** One remembered operation, as `trace ls` lists it. */
export interface OperationSummary {
  op_id: OpId;
  name: string;
  started_at: string;
  duration_ms: number;
  status: "ok" | "error";
  spans: number;
}

/** Keeps the last operations' spans in the daemon's database, written in batches beside the operations themselves. */
export class TraceStore {
  readonly #database: DatabaseSync;
  #waiting: SpanRecord[] = [];
  #timer: NodeJS.Timeout | undefined;

  readonly #complain: (error: unknown) => void;

  /** `complain` is told of spans that could not be written: a full disk costs traces, not the daemon. */
  constructor(database: DatabaseSync, complain: (error: unknown) => void) {
    this.#database = database;
    this.#complain = complain;
  }

  /** Takes a finished span; it is written a little later. */
  keep(span: SpanRecord): void {
    this.#waiting.push(span);
    this.#timer ??= setTimeout(() => this.flush(), flushAfterMs);
  }

  /** Writes what waits. */
  flush(): void {
    try {
      this.#flush();
    } catch (error) {
      this.#complain(error);
    }
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return;
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const [traceId, spans] of Map.groupBy(batch, (span) => span.trace_id)) this.#write(traceId, spans);
      this.#database
        .prepare(
          "DELETE FROM operations WHERE trace_id IN (SELECT trace_id FROM operations ORDER BY started_ns DESC LIMIT -1 OFFSET ?)",
        )
        .run(keptOperations);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  list(limit: number): OperationSummary[] {
    this.flush();
    const statement = this.#database.prepare("SELECT * FROM operations ORDER BY started_ns DESC LIMIT ?");
    statement.setReadBigInts(true);
    return (statement.all(limit) as unknown as OperationRow[]).map(summaryOf);
  }

  /** The spans of the operation that `reference` names: an op_id, a prefix of its digits, or `last`. */
  show(reference: string): { op_id: OpId; spans: SpanRecord[] } {
    this.flush();
    const traceId = this.#find(reference);
    const rows = this.#database.prepare("SELECT record FROM spans WHERE trace_id = ? ORDER BY seq").all(traceId);
    return {
      op_id: opIdOfTrace(traceId),
      spans: rows.map((row) => JSON.parse(String(row["record"])) as SpanRecord),
    };
  }

  close(): void {
    this.flush();
  }

  #find(reference: string): string {
    const digits = reference.replace(/^op-/, "");
    const rows =
      reference === "last"
        ? this.#database.prepare("SELECT trace_id FROM operations ORDER BY started_ns DESC LIMIT 1").all()
        : this.#database
            .prepare("SELECT trace_id FROM operations WHERE trace_id >= ? AND trace_id < ? LIMIT 2")
            .all(digits, `${digits}g`);
    const [first, second] = rows;
    if (first === undefined) {
      throw new BangerError("not_found", `operation: no operation ${JSON.stringify(reference)} is remembered`);
    }
    if (second !== undefined) {
      throw new BangerError("ambiguous", `operation: more than one begins with ${JSON.stringify(reference)}`);
    }
    return String(first["trace_id"]);
  }

  #write(traceId: string, spans: readonly SpanRecord[]): void {
    const known = this.#database.prepare("SELECT * FROM operations WHERE trace_id = ?");
    known.setReadBigInts(true);
    const before = known.get(traceId) as unknown as OperationRow | undefined;
    const first = Number(before?.spans ?? 0);
    const kept = spans.slice(0, Math.max(0, maxSpansPerTrace - first));
    const after = kept.reduce(merge, before);
    if (after === undefined) return;
    this.#database
      .prepare(
        `INSERT INTO operations (trace_id, name, started_ns, ended_ns, status, spans) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (trace_id) DO UPDATE SET name = excluded.name, started_ns = excluded.started_ns,
           ended_ns = excluded.ended_ns, status = excluded.status, spans = excluded.spans`,
      )
      .run(traceId, after.name, after.started_ns, after.ended_ns, after.status, after.spans);
    const insert = this.#database.prepare("INSERT INTO spans (trace_id, seq, record) VALUES (?, ?, ?)");
    for (const [index, span] of kept.entries()) insert.run(traceId, first + index, JSON.stringify(span));
  }
}

/** An operation is named and judged by its outermost span: the one that begins first. */
function merge(row: OperationRow | undefined, span: SpanRecord): OperationRow {
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

function summaryOf(row: OperationRow): OperationSummary {
  return {
    op_id: opIdOfTrace(row.trace_id),
    name: row.name,
    started_at: new Date(Number(row.started_ns / 1_000_000n)).toISOString(),
    duration_ms: Number(row.ended_ns - row.started_ns) / 1e6,
    status: row.status === "error" ? "error" : "ok",
    spans: Number(row.spans),
  };
}
