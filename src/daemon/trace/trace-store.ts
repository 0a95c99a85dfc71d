import { BangerError } from "../../rpc/contract/errors.ts";
import { type OpId, opIdOfTrace } from "../../telemetry/op-id.ts";
import type { SpanRecord } from "../../telemetry/span-record.ts";
import { newestFirst } from "../store/newest-first.ts";
import type { Store } from "../store/store.ts";
import {
  factsOf,
  merge,
  type OperationFacts,
  type OperationRow,
  type OperationSummary,
  summaryOf,
} from "./operation-row.ts";
import { type Remembered, toForget } from "./retention.ts";

/** So many spans of one operation are kept. */
const maxSpansPerTrace = 2_000;
/** So many spans wait while they can't be written; the oldest go first. */
const maxWaiting = 5_000;
/** Spans wait this long for others before they are written, in one transaction. */
const flushAfterMs = 100;
/** What could not be written is tried again after this. */
const retryAfterMs = 2_000;

/** An operation's row, as far as its list needs it. */
type Listed = OperationRow & Pick<OperationFacts, "outcome">;

/** Of what has no row yet. */
const noFacts: OperationFacts = { caller_uid: null, caller_pid: null, outcome: null, error: null };

/** Keeps the last operations' spans in the daemon's database, written in batches beside the operations themselves. */
export class TraceStore {
  readonly #store: Store;
  readonly #complain: (error: unknown, lost: number) => void;
  #waiting: SpanRecord[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;
  #failing = false;
  /** How many bytes of spans each operation has; read once, then kept up. */
  #bytes: Map<string, number> | undefined;

  /** `complain` is told once that spans can't be written, and how many were lost when they can again: a full disk costs no daemon. */
  constructor(store: Store, complain: (error: unknown, lost: number) => void) {
    this.#store = store;
    this.#complain = complain;
  }

  /** Takes a finished span; it is written a little later. */
  keep(span: SpanRecord): void {
    this.#waiting.push(span);
    if (this.#waiting.length > maxWaiting) {
      this.#waiting.shift();
      this.#lost++;
    }
    this.#timer ??= setTimeout(() => this.flush(), this.#failing ? retryAfterMs : flushAfterMs);
  }

  /** Writes what waits; what can't be written waits on. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    try {
      this.#store.writeUnlessFull(() => this.#writeAll(this.#waiting));
    } catch (error) {
      // The transaction took back what it had counted.
      this.#bytes = undefined;
      if (!this.#failing) this.#complain(error, 0);
      this.#failing = true;
      this.#timer = setTimeout(() => this.flush(), retryAfterMs).unref();
      return;
    }
    this.#waiting = [];
    if (this.#failing && this.#lost > 0) this.#complain(undefined, this.#lost);
    this.#failing = false;
    this.#lost = 0;
  }

  /** The newest first; with those whose spans can't be written yet. */
  list(limit: number): OperationSummary[] {
    return this.#newest(limit).map(summaryOf);
  }

  /** The spans of the operation that `reference` names (an op_id, a prefix of its digits, or `last`), who asked, and what came of it. */
  show(reference: string): { op_id: OpId; spans: SpanRecord[] } & ReturnType<typeof factsOf> {
    this.flush();
    const traceId = this.#find(reference);
    const facts = this.#store
      .prepare("SELECT caller_uid, caller_pid, outcome, error FROM operations WHERE trace_id = ?", { bigInts: true })
      .get(traceId) as unknown as OperationFacts | undefined;
    const rows = this.#store.prepare("SELECT record FROM spans WHERE trace_id = ? ORDER BY seq").all(traceId);
    return {
      op_id: opIdOfTrace(traceId),
      ...factsOf(facts ?? noFacts),
      spans: [
        ...rows.map((row) => JSON.parse(String(row["record"])) as SpanRecord),
        ...this.#waiting.filter((span) => span.trace_id === traceId),
      ],
    };
  }

  /** True where something of the trace is kept. */
  knows(traceId: string): boolean {
    this.flush();
    return (
      this.#waiting.some((span) => span.trace_id === traceId) ||
      this.#store.prepare("SELECT 1 FROM operations WHERE trace_id = ?").get(traceId) !== undefined
    );
  }

  close(): void {
    this.flush();
    clearTimeout(this.#timer);
  }

  #find(reference: string): string {
    const [first, second] =
      reference === "last"
        ? this.#newest(1).map(({ trace_id: traceId }) => traceId)
        : this.#beginningWith(reference.replace(/^op-/, ""));
    if (first === undefined) {
      throw new BangerError("not_found", `operation: no operation ${JSON.stringify(reference)} is remembered`, {
        details: { field: "operation", hint: "`banger trace ls` lists those that are." },
      });
    }
    if (second !== undefined) {
      throw new BangerError("ambiguous", `operation: more than one begins with ${JSON.stringify(reference)}`);
    }
    return first;
  }

  /** Of those that have rows and of those whose spans wait. */
  #newest(limit: number): Listed[] {
    this.flush();
    const rows = this.#store
      .prepare(`SELECT * FROM operations ${newestFirst} LIMIT ?`, { bigInts: true })
      .all(limit) as unknown as Listed[];
    if (this.#waiting.length === 0) return rows;
    const byTrace = new Map(rows.map((row) => [row.trace_id, row]));
    for (const [traceId, spans] of Map.groupBy(this.#waiting, (span) => span.trace_id)) {
      const row = byTrace.get(traceId) ?? this.#row(traceId);
      const merged = spans.reduce<OperationRow | undefined>(merge, row);
      if (merged !== undefined) byTrace.set(traceId, { outcome: null, ...row, ...merged });
    }
    return [...byTrace.values()].toSorted(newerFirst).slice(0, limit);
  }

  /** Those, two at most where all have rows, whose ids begin with these digits. */
  #beginningWith(digits: string): string[] {
    const rows = this.#store
      .prepare("SELECT trace_id FROM operations WHERE trace_id >= ? AND trace_id < ? LIMIT 2")
      .all(digits, `${digits}g`);
    const waiting = this.#waiting.map((span) => span.trace_id).filter((traceId) => traceId.startsWith(digits));
    return [...new Set([...rows.map((row) => String(row["trace_id"])), ...waiting])];
  }

  #row(traceId: string): Listed | undefined {
    return this.#store.prepare("SELECT * FROM operations WHERE trace_id = ?", { bigInts: true }).get(traceId) as
      | Listed
      | undefined;
  }

  #writeAll(batch: readonly SpanRecord[]): void {
    this.#bytes = this.#readBytes();
    for (const [traceId, spans] of Map.groupBy(batch, (span) => span.trace_id)) this.#write(traceId, spans);
    const operations = this.#store
      .prepare(`SELECT trace_id, kind, outcome, status FROM operations ${newestFirst}`)
      .all() as unknown as Remembered[];
    const forget = this.#store.prepare("DELETE FROM operations WHERE trace_id = ?");
    for (const traceId of toForget(operations, (id) => this.#bytes?.get(id) ?? 0)) {
      forget.run(traceId);
      this.#bytes.delete(traceId);
    }
  }

  #write(traceId: string, spans: readonly SpanRecord[]): void {
    const before = this.#row(traceId);
    const first = Number(before?.spans ?? 0);
    const kept = spans.slice(0, Math.max(0, maxSpansPerTrace - first));
    const after = kept.reduce(merge, before);
    if (after === undefined) return;
    // Who asked, what kind it is and what came of it are the operation's own to write.
    this.#store
      .prepare(
        `INSERT INTO operations (trace_id, name, started_ns, ended_ns, status, spans) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (trace_id) DO UPDATE SET name = excluded.name, started_ns = excluded.started_ns,
           ended_ns = excluded.ended_ns, status = excluded.status, spans = excluded.spans`,
      )
      .run(traceId, after.name, after.started_ns, after.ended_ns, after.status, after.spans);
    const insert = this.#store.prepare("INSERT INTO spans (trace_id, seq, record) VALUES (?, ?, ?)");
    let bytes = this.#bytes?.get(traceId) ?? 0;
    for (const [index, span] of kept.entries()) {
      const record = JSON.stringify(span);
      bytes += record.length;
      insert.run(traceId, first + index, record);
    }
    this.#bytes?.set(traceId, bytes);
  }

  #readBytes(): Map<string, number> {
    if (this.#bytes !== undefined) return this.#bytes;
    const rows = this.#store
      .prepare("SELECT trace_id, sum(length(record)) AS bytes FROM spans GROUP BY trace_id")
      .all();
    return new Map(rows.map((row) => [String(row["trace_id"]), Number(row["bytes"])]));
  }
}

/** As {@link newestFirst} has it. */
function newerFirst(a: OperationRow, b: OperationRow): number {
  const soonNs = BigInt(Date.now() + 2_000) * 1_000_000n;
  const isAhead = ({ started_ns: startedNs }: OperationRow) => Number(startedNs > soonNs);
  return isAhead(a) - isAhead(b) || Number(b.started_ns - a.started_ns);
}
