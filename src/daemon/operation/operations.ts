import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { PeerCredentials } from "../../rpc/peer-credentials.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { OpId } from "../../telemetry/op-id.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { Traceparent } from "../../telemetry/traceparent.ts";
import { EventLog } from "./event-log.ts";
import type { OperationRecords } from "./operation-records.ts";

/** What an operation works with. */
export interface OperationContext {
  readonly opId: OpId;
  /** Aborts when the operation is cancelled. */
  readonly signal: AbortSignal;
  /** Tells whoever follows; never waits for a reader. */
  readonly emit: (event: string, data?: unknown) => Promise<void>;
  /** Ends the operation from inside: whoever takes a VM's lock away calls it. */
  readonly cancel: (reason: BangerError) => void;
}

/** What a request that begins an operation knows of its caller. */
export interface Request {
  readonly opId: OpId;
  readonly peer: PeerCredentials | undefined;
  /** Aborts when the caller cancels or goes away, or the deadline passes. */
  readonly signal: AbortSignal;
  /** Resolves when the caller keeps up. */
  readonly emit: (event: string, data?: unknown) => Promise<void>;
}

/** What the registry needs. */
export interface OperationsDeps {
  readonly records: OperationRecords;
  readonly spans: Spans;
  readonly log: Logger;
}

/** How long a caller who reads slowly may take for the last events, before it gets the answer without them. */
const lastEventsMs = 5_000;

/** Every mutation that is under way: each has an abort, a log of events and a durable row of its own. */
export class Operations {
  readonly #deps: OperationsDeps;
  readonly #active = new Map<OpId, AbortController>();

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  /** Begins an operation for a request, which watches it: it is told what happens, and cancels it when it goes. */
  async run<T>(name: string, request: Request, work: (context: OperationContext) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const leave = () => abort.abort(request.signal.reason);
    if (request.signal.aborted) leave();
    request.signal.addEventListener("abort", leave, { once: true });
    const events = new EventLog();
    // What can't be sent, as it is too long say, is missed by the caller and by nobody else.
    const watched = forward(events, request).catch((error: unknown) =>
      this.#deps.log.warn({ err: error }, "an event was not sent"),
    );
    try {
      return await this.#carry(name, request.opId, request.peer, abort, events, work);
    } finally {
      request.signal.removeEventListener("abort", leave);
      events.end();
      await Promise.race([watched, delay(lastEventsMs, undefined, { ref: false })]);
    }
  }

  /** Carries an operation that the daemon begins by itself, as a trace of its own that links to `cause`. */
  unattended<T>(
    name: string,
    cause: Traceparent | undefined,
    work: (context: OperationContext) => Promise<T>,
  ): Promise<T> {
    return this.#deps.spans.operation(name, cause === undefined ? {} : { parent: cause }, (opId) =>
      this.#carry(name, opId, undefined, new AbortController(), new EventLog(), work),
    );
  }

  async #carry<T>(
    name: string,
    opId: OpId,
    caller: PeerCredentials | undefined,
    abort: AbortController,
    events: EventLog,
    work: (context: OperationContext) => Promise<T>,
  ): Promise<T> {
    if (this.#active.has(opId)) throw new BangerError("busy", `operation ${opId} is under way already`);
    this.#active.set(opId, abort);
    this.#note(() => this.#deps.records.begin({ opId, name, caller, startedNs: this.#deps.spans.nowNs() }));
    try {
      const result = await work({
        opId,
        signal: abort.signal,
        emit: async (event, data) => events.add({ event, data }),
        cancel: (reason) => abort.abort(reason),
      });
      this.#note(() => this.#deps.records.end(opId, "ok"));
      return result;
    } catch (error) {
      const known = error instanceof BangerError ? error : new BangerError("internal", String(error), { cause: error });
      this.#note(() => this.#deps.records.end(opId, abort.signal.aborted ? "cancelled" : "failed", known));
      throw error;
    } finally {
      this.#active.delete(opId);
    }
  }

  /** A row that can't be written is said in the log; the operation goes on: it may be the one that makes room. */
  #note(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#deps.log.error({ err: error }, "an operation's row was not written");
    }
  }
}

/** Sends events to a caller, as fast as it takes them, until there are no more or it is gone. */
async function forward(events: EventLog, { emit }: Request): Promise<void> {
  for await (const { event, data } of events.follow()) await emit(event, data);
}
