import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { hostTroubleOf } from "../../rpc/host-trouble.ts";
import type { PeerCredentials } from "../../rpc/peer-credentials.ts";
import type { StepEvent } from "../../rpc/contract/step.ts";
import type { Logger } from "../../telemetry/log.ts";
import { attribute } from "../../telemetry/names.ts";
import type { OpId } from "../../telemetry/op-id.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { Traceparent } from "../../telemetry/traceparent.ts";
import { identityOf } from "./identity.ts";
import { Operation } from "./operation.ts";
import type { OperationRecords } from "./operation-records.ts";
import { comparedWith, outcomeOf } from "./same-operation.ts";

/** What an operation works with. */
export interface OperationContext {
  readonly opId: OpId;
  /** Aborts when the operation is cancelled. */
  readonly signal: AbortSignal;
  /** Tells whoever follows; never waits for a reader. */
  readonly emit: (event: string, data?: unknown) => Promise<void>;
  /** Says which VM it is about: by that the next daemon finds what came of it, should this one end. */
  readonly about?: (vmId: string) => void;
  /** What the next daemon is to say of it, should this one end, where what is there doesn't tell; written with what else a transaction writes. */
  readonly wouldBeFound?: (found: "undone" | "finished" | null) => void;
  /** Ends the operation from inside: whoever takes a VM's lock away calls it. */
  readonly cancel: (reason: BangerError) => void;
}

/** What a request that begins an operation knows of its caller. */
export interface Request {
  readonly opId: OpId;
  readonly peer: PeerCredentials | undefined;
  /** What was asked, by which a request that is sent again is known; the object is the request's own. */
  readonly asked?: { readonly params: unknown };
  /** Aborts when the caller cancels or goes away, or the deadline passes. */
  readonly signal: AbortSignal;
  /** Resolves when the caller keeps up. */
  readonly emit: (event: string, data?: unknown) => Promise<void>;
  /** Given by a caller who doesn't stay: called once the operation is under way, which then outlives the request. */
  readonly begun?: () => void;
}

/** What the registry needs. */
export interface OperationsDeps {
  readonly records: OperationRecords;
  readonly spans: Spans;
  readonly log: Logger;
  /** A result of a method as the wire has it; undefined where it can't be told. */
  readonly publicResult: (method: string, result: unknown) => unknown;
}

/** How long a caller who reads slowly may take for the last events, before it gets the answer without them. */
const lastEventsMs = 5_000;
/** So many that have ended are remembered with all that they told; of others there are rows and traces. */
const keptEnded = 64;

/** Every operation that is under way, and the last that were: each has an abort, a log of events and a durable row of its own. */
export class Operations {
  readonly #deps: OperationsDeps;
  readonly #known = new Map<OpId, Operation>();

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  /**
   * Begins an operation for a request, which watches it: it is told what happens, and cancels it when it goes, unless it only
   * wanted it begun. A request that is sent again joins the operation that it began.
   */
  async run<T>(method: string, request: Request, work: (context: OperationContext) => Promise<T>): Promise<T> {
    const { records, spans, log } = this.#deps;
    const { opId, peer, asked, begun } = request;
    const identity = asked === undefined ? undefined : identityOf(method, asked.params);
    const known = this.#known.get(opId) ?? records.get(opId);
    if (known !== undefined && comparedWith(known, { opId, method, asked, identity }) === "same") {
      if (!(known instanceof Operation)) {
        begun?.();
        return outcomeOf<T>(known);
      }
      if (begun !== undefined) known.outlives = true;
      begun?.();
      return this.#watch(known, request, known.done as Promise<T>);
    }
    const operation = new Operation({
      opId,
      method,
      caller: peer,
      startedNs: spans.nowNs(),
      identity,
      asked,
      outlives: begun !== undefined,
    });
    if (begun === undefined) return this.#watch(operation, request, this.#carry(operation, work), true);
    const carried = spans.span(method, { attributes: { [attribute.outlivesParent]: true } }, async () => {
      const done = this.#carry(operation, work);
      begun();
      try {
        const result = await done;
        log.info({ operation: method, duration_ms: durationMs(operation) }, "operation completed");
        return result;
      } catch (error) {
        const { code, plain } = operation.ended?.error ?? new BangerError("internal", String(error));
        const fields = { operation: method, duration_ms: durationMs(operation), code, reason: plain };
        if (code === "internal") log.error({ ...fields, err: error }, "operation failed");
        else log.warn(fields, "operation failed");
        throw error;
      }
    });
    return carried;
  }

  /** As `run`, on something that is looked for first, unless the request only joins: what was deleted or renamed since isn't found any more. */
  async runOn<S, T>(
    method: string,
    request: Request,
    find: () => S,
    work: (subject: S, context: OperationContext) => Promise<T>,
  ): Promise<T> {
    if (this.#joins(method, request)) return this.run<T>(method, request, neverBegun);
    const subject = find();
    return this.run(method, request, (context) => work(subject, context));
  }

  /** True for a request that was sent before, under this op_id. */
  #joins(method: string, { opId, asked }: Request): boolean {
    const known = this.#known.get(opId) ?? this.#deps.records.get(opId);
    if (known === undefined || asked === undefined) return false;
    return comparedWith(known, { opId, method, asked, identity: identityOf(method, asked.params) }) === "same";
  }

  /** Carries an operation that the daemon begins by itself, as a trace of its own that links to `cause`. */
  unattended<T>(
    method: string,
    cause: Traceparent | undefined,
    work: (context: OperationContext) => Promise<T>,
  ): Promise<T> {
    return this.#deps.spans.operation(method, cause === undefined ? {} : { parent: cause }, (opId) => {
      const startedNs = this.#deps.spans.nowNs();
      const start = { opId, method, startedNs, caller: undefined, identity: undefined, asked: undefined };
      return this.#carry(new Operation({ ...start, outlives: true }), work);
    });
  }

  /** Those of this daemon: what is under way, and the last that ended. */
  known(): Operation[] {
    return [...this.#known.values()];
  }

  /** True for one of those. */
  knows(opId: OpId): boolean {
    return this.#known.has(opId);
  }

  /** The VM that an operation of this daemon's is or was about. */
  vmOf(opId: OpId): string | undefined {
    return this.#known.get(opId)?.subject;
  }

  /** What is under way. */
  underWay(): Operation[] {
    return this.known().filter(({ ended }) => ended === undefined);
  }

  /** Resolves when nothing is under way that outlives its caller, or after `graceMs`: what then still is, the next daemon finds. */
  async settled(graceMs: number): Promise<void> {
    const underWay = this.underWay().filter(({ outlives }) => outlives);
    await Promise.race([
      Promise.allSettled(underWay.map(({ done }) => done)),
      delay(graceMs, undefined, { ref: false }),
    ]);
  }

  /** Follows an operation for a request until it has ended. Whoever began it cancels it by leaving; others only leave. */
  async #watch<T>(operation: Operation, request: Request, done: Promise<T>, ownsIt = false): Promise<T> {
    const { signal } = request;
    const left = Promise.withResolvers<never>();
    left.promise.catch(() => undefined);
    const leave = () => {
      if (ownsIt && !operation.outlives) operation.cancel(signal.reason as BangerError);
      else left.reject(signal.reason);
    };
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    // What can't be sent, as it is too long say, is missed by the caller and by nobody else.
    const watched = forward(operation, request, ownsIt ? undefined : signal).catch((error: unknown) => {
      if (ownsIt || !signal.aborted) this.#deps.log.warn({ err: error }, "an event was not sent");
    });
    try {
      return await Promise.race([done, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (ownsIt || !signal.aborted) await Promise.race([watched, delay(lastEventsMs, undefined, { ref: false })]);
    }
  }

  async #carry<T>(operation: Operation, work: (context: OperationContext) => Promise<T>): Promise<T> {
    const { records, spans, publicResult } = this.#deps;
    const { opId, method, signal } = operation;
    this.#known.set(opId, operation);
    const began = performance.now();
    this.#note(() => records.begin(operation));
    try {
      const result = await work({
        opId,
        signal,
        emit: async (event, data) => operation.events.add({ event, data: sinceBegun(event, data, began) }),
        about: (vmId) => {
          operation.subject = vmId;
          spans.about(vmId);
          this.#note(() => records.about(opId, vmId));
        },
        wouldBeFound: (found) => records.settle(opId, found),
        cancel: (reason) => operation.cancel(reason),
      });
      this.#end(operation, { atNs: spans.nowNs(), outcome: "ok", result: publicResult(method, result) });
      return result;
    } catch (error) {
      const known = knownError(error, signal);
      this.#end(operation, { atNs: spans.nowNs(), outcome: signal.aborted ? "cancelled" : "failed", error: known });
      throw error;
    }
  }

  /** The row first: whoever hears of the end may ask for it at once. */
  #end(operation: Operation, end: Parameters<Operation["end"]>[0]): void {
    this.#note(() => this.#deps.records.end(operation.opId, end));
    operation.end(end);
    const ended = this.known().filter((known) => known.ended !== undefined);
    for (const { opId } of ended.slice(0, Math.max(0, ended.length - keptEnded))) this.#known.delete(opId);
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

/** Sends events to a caller, as fast as it takes them, until there are no more or `signal` aborts. */
async function forward({ events }: Operation, { emit }: Request, signal: AbortSignal | undefined): Promise<void> {
  for await (const { event, data } of events.follow(0, signal)) await emit(event, data);
}

function durationMs({ startedNs, ended }: Operation): number {
  return Math.round(Number((ended?.atNs ?? startedNs) - startedNs) / 1e5) / 10;
}

/** Any thrown value as an error of the table; what a cancelled operation throws is why it was cancelled. */
function knownError(error: unknown, signal: AbortSignal): BangerError {
  if (error instanceof BangerError) return error;
  if (signal.aborted && signal.reason instanceof BangerError) return signal.reason;
  return hostTroubleOf(error) ?? new BangerError("internal", String(error), { cause: error });
}

/** A step's time is told from the operation's beginning on, whichever of its lists of steps it is in. */
function sinceBegun(event: string, data: unknown, began: number): unknown {
  if (event !== "step") return data;
  return { ...(data as StepEvent), elapsed_ms: Math.round((performance.now() - began) * 10) / 10 };
}

function neverBegun(): never {
  throw new Error("an operation that is joined was begun anew");
}
