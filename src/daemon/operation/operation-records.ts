import type { BangerError } from "../../rpc/contract/errors.ts";
import type { OperationStatus } from "../../rpc/contract/operation.ts";
import { type OpId, opIdOfTrace, traceIdOf } from "../../telemetry/op-id.ts";
import { newestFirst } from "../store/newest-first.ts";
import type { Store } from "../store/store.ts";
import type { OperationEnd, OperationOutcome, OperationStart } from "./operation.ts";

/** What the next daemon found of an operation that was cut off. */
export type Found = NonNullable<OperationStatus["found"]>;

/** As a row keeps it: what can't be told isn't asked again, when all may be otherwise. */
type KeptFound = Found | "unknown";

/** An error as a row keeps it. */
type KeptError = Pick<BangerError, "code"> & { message: string; details?: Record<string, unknown> };

/** An operation as the store has it. Its own name there is that of its trace, which its caller's span gives it. */
export interface StoredOperation {
  readonly opId: OpId;
  readonly name: string;
  readonly identity: string | null;
  readonly outcome: OperationOutcome | "running";
  readonly callerUid: number | null;
  readonly callerPid: number | null;
  readonly startedNs: bigint;
  readonly endedNs: bigint;
  /** The failure in words. */
  readonly reason: string | null;
  /** The VM that it is about. */
  readonly subject: string | null;
  readonly found: Found | null;
  readonly kept: { readonly result?: unknown; readonly error?: KeptError };
}

/** What came of an operation is kept up to this length; a result that is longer is not, an error without its details. */
const maxKept = 64 * 1024;

/** The durable rows of operations, in the table that their traces hang from. */
export class OperationRecords {
  readonly #database: Pick<Store, "prepare">;
  readonly #bootId: string;

  /** `bootId`: which run of the host this is (proc(5), /proc/sys/kernel/random/boot_id). */
  constructor(database: Pick<Store, "prepare">, bootId: string) {
    this.#database = database;
    this.#bootId = bootId;
  }

  begin({ opId, method, caller, startedNs, identity }: OperationStart): void {
    this.#database
      .prepare(
        `INSERT INTO operations (trace_id, name, started_ns, ended_ns, status, spans, kind, caller_uid, caller_pid, outcome, boot_id, asked)
         VALUES (?1, ?2, ?3, ?3, 'ok', 0, 'mutation', ?4, ?5, 'running', ?6, ?7)
         ON CONFLICT (trace_id) DO UPDATE SET kind = excluded.kind, caller_uid = excluded.caller_uid,
           caller_pid = excluded.caller_pid, outcome = excluded.outcome, error = NULL, boot_id = excluded.boot_id,
           asked = excluded.asked, result = NULL, subject = NULL, found = NULL`,
      )
      .run(
        traceIdOf(opId),
        method,
        startedNs,
        caller?.uid ?? null,
        caller?.pid ?? null,
        this.#bootId,
        identity ?? method,
      );
  }

  /** Says which VM an operation is about. */
  about(opId: OpId, vmId: string): void {
    this.#database.prepare("UPDATE operations SET subject = ? WHERE trace_id = ?").run(vmId, traceIdOf(opId));
  }

  end(opId: OpId, { outcome, error, result, atNs }: OperationEnd): void {
    const reason = error === undefined ? null : `${error.plain} [${error.code}]`;
    this.#database
      .prepare(
        "UPDATE operations SET outcome = ?, error = ?, result = ?, ended_ns = max(ended_ns, ?) WHERE trace_id = ?",
      )
      .run(outcome, reason, error === undefined ? keptResult(result) : keptError(error), atNs, traceIdOf(opId));
  }

  /** Says of what was under way when the daemon before this one ended, or the host did, that it was interrupted. */
  interruptRunning(): number {
    return this.#database
      .prepare(
        `UPDATE operations SET outcome = 'interrupted', error = CASE WHEN boot_id = ? THEN ? ELSE ? END
         WHERE outcome = 'running' RETURNING trace_id`,
      )
      .all(this.#bootId, "the daemon ended before it did", "the host was restarted before it ended").length;
  }

  /** What was interrupted, and of which nobody has said yet what was found. */
  unsettled(): StoredOperation[] {
    return this.#select("WHERE outcome = 'interrupted' AND kind = 'mutation' AND found IS NULL");
  }

  /** Keeps what is to be said of it where it was interrupted. */
  settle(opId: OpId, found: KeptFound | null): void {
    this.#database.prepare("UPDATE operations SET found = ? WHERE trace_id = ?").run(found, traceIdOf(opId));
  }

  get(opId: OpId): StoredOperation | undefined {
    return this.#select("WHERE trace_id = ? AND kind = 'mutation'", traceIdOf(opId))[0];
  }

  /** The newest first. */
  list(limit: number): StoredOperation[] {
    return this.#select(`WHERE kind = 'mutation' ${newestFirst} LIMIT ?`, limit);
  }

  /** Those, two at most, whose ids begin with these digits. */
  beginningWith(digits: string): StoredOperation[] {
    return this.#select("WHERE trace_id >= ? AND trace_id < ? AND kind = 'mutation' LIMIT 2", digits, `${digits}g`);
  }

  /** The last one that a user asked for. */
  lastOf(uid: number): StoredOperation | undefined {
    return this.#select(`WHERE kind = 'mutation' AND caller_uid = ? ${newestFirst} LIMIT 1`, uid)[0];
  }

  #select(where: string, ...parameters: (string | number)[]): StoredOperation[] {
    return this.#database
      .prepare(`SELECT * FROM operations ${where}`, { bigInts: true })
      .all(...parameters)
      .map((row) => storedOf(row as unknown as Row));
  }
}

interface Row {
  trace_id: string;
  name: string;
  asked: string | null;
  outcome: StoredOperation["outcome"] | null;
  caller_uid: bigint | null;
  caller_pid: bigint | null;
  started_ns: bigint;
  ended_ns: bigint;
  error: string | null;
  subject: string | null;
  found: KeptFound | null;
  result: string | null;
}

function storedOf(row: Row): StoredOperation {
  return {
    opId: opIdOfTrace(row.trace_id),
    name: row.name,
    identity: row.asked,
    outcome: row.outcome ?? "ok",
    callerUid: row.caller_uid === null ? null : Number(row.caller_uid),
    callerPid: row.caller_pid === null ? null : Number(row.caller_pid),
    startedNs: row.started_ns,
    endedNs: row.ended_ns,
    reason: row.error,
    subject: row.subject,
    found: row.outcome !== "interrupted" || row.found === "unknown" ? null : row.found,
    kept: row.result === null ? {} : (JSON.parse(row.result) as StoredOperation["kept"]),
  };
}

function keptResult(result: unknown): string | null {
  const text = JSON.stringify({ result });
  return text.length > maxKept ? null : text;
}

function keptError({ code, plain: message, details }: BangerError): string {
  const whole = JSON.stringify({ error: { code, message, ...(details === undefined ? {} : { details }) } });
  return whole.length > maxKept ? JSON.stringify({ error: { code, message: message.slice(0, 8_192) } }) : whole;
}
