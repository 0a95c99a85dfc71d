import type { Socket } from "node:net";
import { attribute } from "../telemetry/names.ts";
import type { OpId } from "../telemetry/op-id.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import type { Spans } from "../telemetry/spans.ts";
import { version } from "../version.ts";
import { Connection } from "./connection.ts";
import { BangerError } from "./contract/errors.ts";
import type { InputOf, Method, ResultOf } from "./contract/method.ts";
import { type RequestFrame, type TerminalSize, wireVersion } from "./frame.ts";
import { InputCredit } from "./input-credit.ts";
import { KeepAlive, type KeepAliveOptions } from "./keep-alive.ts";
import { openSocket, type SocketOptions } from "./open-socket.ts";
import { operationName } from "./operation-name.ts";
import { type OnEvent, PendingCall } from "./pending-call.ts";
import { errorFrom, errorOf } from "./wire-error.ts";

/** How a call is made. */
export interface CallOptions {
  /** Cancels the request; the answer (usually `cancelled`, once all is undone) is still awaited, for `cancelWaitMs`. */
  signal?: AbortSignal;
  /** Is given the way by which signals are passed on to what runs there; returns what ends that. A peer that knows no signals cancels. */
  passSignals?: (pass: (signal: number, size?: TerminalSize) => void) => () => void;
  /** Milliseconds that the peer has: 60 s by default where no keep-alive watches it. This side waits `graceMs` longer, then fails by itself. */
  deadlineMs?: number;
  /** For the answer's way back. */
  graceMs?: number;
  /** Milliseconds that the peer has to confirm a cancellation. */
  cancelWaitMs?: number;
  /** Gets each event, in order; reading pauses until its promise resolves. What it throws cancels the call and is what the call fails with. */
  onEvent?: OnEvent;
  /** The operation that a poll asks about, under whose op_id it is sent; one that is traced has its own. */
  opId?: string;
  /** Bytes to send after the request. An error of it cancels the call and is what the call fails with. */
  input?: AsyncIterable<Uint8Array>;
}

/** What a client needs. */
export interface ClientDeps extends SocketOptions {
  /** Opens the spans of traced calls; without it none is. */
  readonly spans?: Spans | undefined;
  /** What the peer is called in messages: `the peer` by default. */
  readonly peer?: string;
  /** Checks the spans that the peer's answers carry; without it they are ignored. */
  readonly acceptSpans?: (spans: readonly unknown[]) => SpanRecord[];
  /** Gets what the peer logged of an operation, and how many records had no room in its answer; without it that is ignored. */
  readonly takeRecords?: ((opId: OpId, records: readonly unknown[], left: number) => void) | undefined;
  /** Watches the peer while calls without a deadline wait. */
  readonly keepAlive?: KeepAliveOptions;
}

const defaultDeadlineMs = 60_000;
const defaultGraceMs = 2_000;
const defaultCancelWaitMs = 30_000;
/** So much input goes in one frame. */
const inputChunk = 65_536;
/** Late answers are few: a peer that goes on so is given up. */
const maxStrays = 10_000;

/** A typed client of one contract's methods, over one connection. */
export class RpcClient {
  readonly #deps: ClientDeps;
  readonly #connection: Connection;
  readonly #pending = new Map<string, PendingCall>();
  readonly #credits = new Map<string, InputCredit>();
  readonly #keepAlive: KeepAlive | undefined;
  /** Calls that nothing but the keep-alive bounds. */
  #unbounded = 0;
  #nextId = 1;
  /** Frames since the last that was of a call. */
  #strays = 0;
  /** An error that the peer gave without saying of which call. */
  #lastWords: BangerError | undefined;

  private constructor(deps: ClientDeps, socket: Socket) {
    this.#deps = deps;
    this.#connection = new Connection(
      socket,
      (frame) => this.#receive(frame),
      (error) => this.#giveUp(errorFrom(error).plain),
    );
    this.#keepAlive = deps.keepAlive === undefined ? undefined : this.#watch(deps.keepAlive);
    void this.#connection.closed.then(() => this.#fail(this.#disconnected()));
  }

  /** Connects, or fails with the code given as `unavailable`. */
  static async connect(deps: ClientDeps): Promise<RpcClient> {
    return new RpcClient(deps, await openSocket(deps));
  }

  /** True until the connection is gone. */
  get connected(): boolean {
    return !this.#connection.socket.destroyed;
  }

  /** Asks for a method, in a client span when the method is traced. */
  call<M extends Method>(method: M, params: InputOf<M>, given: CallOptions = {}): Promise<ResultOf<M>> {
    const { spans, keepAlive } = this.#deps;
    const options = keepAlive === undefined ? { deadlineMs: defaultDeadlineMs, ...given } : given;
    if (!method.traced || spans?.activeIds() === undefined) return this.#request(method, params, options);
    const attributes = { [attribute.rpcSystem]: "banger", [attribute.rpcMethod]: method.name };
    return spans.span(`call ${method.name}`, { kind: "client", attributes }, () =>
      this.#request(method, params, options),
    );
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  /** True once anything came from the peer. */
  get heard(): boolean {
    return this.#connection.heard > 0;
  }

  /** Gives the peer up: all that waits for it fails with the error. */
  abandon(error: Error): void {
    this.#fail(error);
    this.#connection.socket.destroy();
  }

  /** Leaves once all that was sent is written, without waiting for the peer to leave too. */
  close(): void {
    this.#keepAlive?.stop();
    this.#connection.socket.destroySoon();
  }

  async #request<M extends Method>(method: M, params: InputOf<M>, options: CallOptions): Promise<ResultOf<M>> {
    const { signal, deadlineMs, input } = options;
    const id = String(this.#nextId++);
    const pending = new PendingCall({
      method: method.name,
      peer: this.#deps.peer ?? "the peer",
      onEvent: options.onEvent,
      sendCancel: () => void this.#connection.send({ id, cancel: true }),
      cancelWaitMs: options.cancelWaitMs ?? defaultCancelWaitMs,
    });
    this.#pending.set(id, pending);
    if (!this.connected) pending.fail(this.#disconnected());
    const cancel = () => pending.cancel();
    let passed: (() => void) | undefined;
    if (deadlineMs === undefined && this.#unbounded++ === 0) this.#keepAlive?.start();
    try {
      // Written at once; whoever waits for the answer needn't wait for the peer to read.
      this.#connection.send(this.#frameOf(id, method, params, options)).catch((error: unknown) => {
        pending.fail(errorFrom(error).inOperation(operationName(method.name)));
      });
      if (deadlineMs !== undefined) pending.expectWithin(deadlineMs, options.graceMs ?? defaultGraceMs);
      if (signal?.aborted) cancel();
      passed = options.passSignals?.(
        (number, size) =>
          void this.#connection.send({ id, cancel: true, signal: number, ...(size === undefined ? {} : { size }) }),
      );
      signal?.addEventListener("abort", cancel);
      if (input) void this.#sendInput(id, input, pending);
      const frame = await pending.answer;
      const { acceptSpans, spans } = this.#deps;
      if (Array.isArray(frame["spans"]) && acceptSpans) spans?.adopt(acceptSpans(frame["spans"]));
      this.#takeRecords(frame);
      if (frame["error"] !== undefined) throw errorOf(frame["error"]);
      if (!("result" in frame)) {
        throw new BangerError("bad_frame", `${method.name}: an answer with neither a result nor an error`);
      }
      return frame["result"] as ResultOf<M>;
    } finally {
      this.#pending.delete(id);
      this.#credits.get(id)?.close();
      this.#credits.delete(id);
      signal?.removeEventListener("abort", cancel);
      passed?.();
      if (deadlineMs === undefined && --this.#unbounded === 0) this.#keepAlive?.stop();
    }
  }

  #takeRecords({ records, records_left: left }: Record<string, unknown>): void {
    const opId = this.#deps.spans?.activeIds()?.opId;
    if (opId === undefined || !Array.isArray(records)) return;
    this.#deps.takeRecords?.(opId, records, typeof left === "number" ? left : 0);
  }

  #frameOf(id: string, method: Method, params: unknown, { deadlineMs, input, opId }: CallOptions): RequestFrame {
    const ids = this.#deps.spans?.activeIds();
    return {
      v: wireVersion,
      id,
      method: method.name,
      params,
      ...(ids !== undefined
        ? { op_id: ids.opId, traceparent: ids.traceparent }
        : opId !== undefined
          ? { op_id: opId }
          : {}),
      ...(deadlineMs === undefined ? {} : { deadline_ms: deadlineMs }),
      ...(id === "1" ? { version } : {}),
      ...(input === undefined ? {} : { credit: true }),
    };
  }

  async #sendInput(id: string, input: AsyncIterable<Uint8Array>, pending: PendingCall): Promise<void> {
    const credit = new InputCredit();
    this.#credits.set(id, credit);
    try {
      for await (const chunk of input) {
        for (let at = 0; at < chunk.length; ) {
          const count = await credit.take(Math.min(chunk.length - at, inputChunk));
          if (count === 0) return;
          await this.#connection.send({
            id,
            input: Buffer.from(chunk.subarray(at, at + count)).toString("base64"),
          });
          at += count;
        }
        if (!this.#pending.has(id)) return;
      }
      if (this.#pending.has(id)) await this.#connection.send({ id, input: "" });
    } catch (error) {
      // What can't be read is not an end: the peer would take what came for all there is.
      pending.cancel(errorFrom(error));
    }
  }

  #receive(frame: Record<string, unknown>): void | Promise<void> {
    const id = typeof frame["id"] === "string" ? frame["id"] : "";
    const pending = this.#pending.get(id);
    if (pending === undefined) return this.#takeStray(frame);
    this.#strays = 0;
    // It went on, so that wasn't why it will leave.
    this.#lastWords = undefined;
    if (typeof frame["event"] !== "string") return pending.settle(frame);
    if (frame["event"] === "credit") return this.#credits.get(id)?.grant(bytesOf(frame["data"]));
    return pending.event(frame["event"], frame["data"]);
  }

  /** A frame that is of no call: late, or an error that names none. That is the only call's, or what the peer says before it leaves. */
  #takeStray(frame: Record<string, unknown>): void {
    if (frame["id"] === null && frame["error"] !== undefined) {
      this.#lastWords = errorOf(frame["error"]);
      if (this.#pending.size === 1) this.#fail(this.#lastWords);
    }
    if (++this.#strays > maxStrays) this.#giveUp(`${maxStrays} frames that answer nothing`);
  }

  #giveUp(text: string): void {
    const hint = "Check what listens on its socket, and that both sides are banger.";
    const error = new BangerError("bad_frame", `${this.#deps.peer ?? "the peer"} sent what can't be read: ${text}`, {
      details: { hint },
    });
    this.abandon(error);
  }

  #watch(options: KeepAliveOptions): KeepAlive {
    let asked = 0;
    return new KeepAlive({
      ...options,
      heard: () => this.#connection.heard,
      deaf: () => this.#connection.handling,
      ask: () => void this.#connection.send({ id: `k${++asked}`, method: options.method, params: {} }),
      onSilent: (silentMs) => {
        const text = `${this.#deps.peer ?? "the peer"} has not answered for ${Math.round(silentMs / 1000)} s`;
        this.abandon(new BangerError(this.#deps.unavailable, text, { details: { silent_ms: Math.round(silentMs) } }));
      },
    });
  }

  #disconnected(): BangerError {
    if (this.#lastWords !== undefined) return this.#lastWords;
    return new BangerError("disconnected", `${this.#deps.peer ?? "the peer"} closed the connection`);
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) pending.fail(error);
    this.#pending.clear();
  }
}

function bytesOf(data: unknown): number {
  const bytes = typeof data === "object" && data !== null ? (data as Record<string, unknown>)["bytes"] : undefined;
  return typeof bytes === "number" && bytes > 0 ? bytes : 0;
}
