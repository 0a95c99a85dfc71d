import type { BangerError } from "../../rpc/contract/errors.ts";
import type { PeerCredentials } from "../../rpc/peer-credentials.ts";
import type { OpId } from "../../telemetry/op-id.ts";
import { EventLog } from "./event-log.ts";

/** How an operation came out. `interrupted`: the daemon or the host ended before it did. */
export type OperationOutcome = "ok" | "failed" | "cancelled" | "interrupted";

/** How an operation ended, as the daemon that carried it knows it. */
export interface OperationEnd {
  readonly atNs: bigint;
  readonly outcome: Exclude<OperationOutcome, "interrupted">;
  /** What its method answers, as the wire has it. */
  readonly result?: unknown;
  readonly error?: BangerError;
}

/** What an operation begins with. */
export interface OperationStart {
  readonly opId: OpId;
  /** What was asked for: `vm.create`. */
  readonly method: string;
  /** Who asked; nobody did when the daemon began it by itself. */
  readonly caller: PeerCredentials | undefined;
  readonly startedNs: bigint;
  /** By which a request that is sent again is known. */
  readonly identity: string | undefined;
  /** The request that began it, whichever way it was passed on. */
  readonly asked: object | undefined;
  /** True when its caller's leaving doesn't cancel it. */
  readonly outlives: boolean;
}

/** An operation of this daemon: its own abort, what it told, and how it ended. */
export class Operation implements OperationStart {
  readonly opId: OpId;
  readonly method: string;
  readonly caller: PeerCredentials | undefined;
  readonly startedNs: bigint;
  readonly identity: string | undefined;
  readonly asked: object | undefined;
  outlives: boolean;
  /** The VM that it is about, once it has said so. */
  subject: string | undefined;
  readonly events = new EventLog();
  readonly #abort = new AbortController();
  readonly #done = Promise.withResolvers<unknown>();
  #end: OperationEnd | undefined;

  constructor({ opId, method, caller, startedNs, identity, asked, outlives }: OperationStart) {
    this.opId = opId;
    this.method = method;
    this.caller = caller;
    this.startedNs = startedNs;
    this.identity = identity;
    this.asked = asked;
    this.outlives = outlives;
    // Whoever asked hears of a failure; that nobody follows besides is no failure of its own.
    this.#done.promise.catch(() => undefined);
  }

  /** Aborts when it is cancelled. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** How it ended; undefined while it runs. */
  get ended(): OperationEnd | undefined {
    return this.#end;
  }

  /** What it comes to: its result, or the error that it fails with. */
  get done(): Promise<unknown> {
    return this.#done.promise;
  }

  cancel(reason: BangerError): void {
    this.#abort.abort(reason);
  }

  end(end: OperationEnd): void {
    this.#end = end;
    this.events.end();
    if (end.error === undefined) this.#done.resolve(end.result);
    else this.#done.reject(end.error);
  }
}
