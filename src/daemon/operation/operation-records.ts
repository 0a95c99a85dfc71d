import type { BangerError } from "../../rpc/contract/errors.ts";
import { type OpId, traceIdOf } from "../../telemetry/op-id.ts";
import type { PeerCredentials } from "../../rpc/peer-credentials.ts";
import type { Store } from "../store/store.ts";

/** How an operation came out. `interrupted`: the daemon or the host ended before it did. */
export type OperationOutcome = "ok" | "failed" | "cancelled" | "interrupted";

/** An operation that begins. */
export interface BegunOperation {
  readonly opId: OpId;
  readonly name: string;
  /** Who asked; nobody did when the daemon began it by itself. */
  readonly caller: PeerCredentials | undefined;
  readonly startedNs: bigint;
}

/** The durable rows of operations, in the table that their traces hang from. */
export class OperationRecords {
  readonly #database: Pick<Store, "prepare">;
  readonly #bootId: string;

  /** `bootId`: which run of the host this is (proc(5), /proc/sys/kernel/random/boot_id). */
  constructor(database: Pick<Store, "prepare">, bootId: string) {
    this.#database = database;
    this.#bootId = bootId;
  }

  begin({ opId, name, caller, startedNs }: BegunOperation): void {
    this.#database
      .prepare(
        `INSERT INTO operations (trace_id, name, started_ns, ended_ns, status, spans, kind, caller_uid, caller_pid, outcome, boot_id)
         VALUES (?1, ?2, ?3, ?3, 'ok', 0, 'mutation', ?4, ?5, 'running', ?6)
         ON CONFLICT (trace_id) DO UPDATE SET kind = excluded.kind, caller_uid = excluded.caller_uid,
           caller_pid = excluded.caller_pid, outcome = excluded.outcome, error = NULL, boot_id = excluded.boot_id`,
      )
      .run(traceIdOf(opId), name, startedNs, caller?.uid ?? null, caller?.pid ?? null, this.#bootId);
  }

  end(opId: OpId, outcome: OperationOutcome, error?: BangerError): void {
    const kept = error === undefined ? null : `${error.plain} [${error.code}]`;
    this.#database
      .prepare("UPDATE operations SET outcome = ?, error = ? WHERE trace_id = ?")
      .run(outcome, kept, traceIdOf(opId));
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
}
