import { createConnection, type Socket } from "node:net";
import { attribute } from "../telemetry/names.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { activeIds, adoptSpans, type Spans } from "../telemetry/spans.ts";
import { Connection } from "./connection.ts";
import { BangerError, type ErrorCode, isErrorCode } from "./contract/errors.ts";
import type { InputOf, Method, ResultOf } from "./contract/method.ts";
import { wireVersion } from "./frame.ts";

/** How a call is made. */
export interface CallOptions {
  /** Cancels the request; the answer (usually `cancelled`, once all is undone) is still awaited. */
  signal?: AbortSignal;
  /** Milliseconds that the peer has. */
  deadlineMs?: number;
  /** Gets each event, in order; reading pauses until its promise resolves. */
  onEvent?: (event: string, data: unknown) => void | Promise<void>;
  /** Bytes to send after the request. */
  input?: AsyncIterable<Uint8Array>;
}

interface Pending {
  resolve(frame: Record<string, unknown>): void;
  reject(error: Error): void;
  onEvent: CallOptions["onEvent"];
}

/** What a client needs. */
export interface ClientDeps {
  readonly path: string;
  readonly spans: Spans;
  /** The code for a socket on which nobody listens. */
  readonly unavailable: ErrorCode;
  /** Checks the spans that the peer's answers carry; without it they are ignored. */
  readonly acceptSpans?: (spans: readonly unknown[]) => SpanRecord[];
}

/** A typed client of one contract's methods, over one connection. */
export class RpcClient {
  readonly #deps: ClientDeps;
  readonly #connection: Connection;
  readonly #pending = new Map<string, Pending>();
  #nextId = 1;

  private constructor(deps: ClientDeps, socket: Socket) {
    this.#deps = deps;
    this.#connection = new Connection(
      socket,
      (frame) => this.#receive(frame),
      (error) => socket.destroy(error instanceof Error ? error : undefined),
    );
    void this.#connection.closed.then(() =>
      this.#fail(new BangerError("disconnected", "the peer closed the connection")),
    );
  }

  /** Connects, or fails with the code given as `unavailable`. */
  static connect(deps: ClientDeps): Promise<RpcClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(deps.path);
      socket.once("error", (cause: NodeJS.ErrnoException) => {
        const code = cause.code === "EACCES" ? "not_owner" : deps.unavailable;
        reject(new BangerError(code, `can't connect to ${deps.path}: ${cause.code ?? cause.message}`, { cause }));
      });
      socket.once("connect", () => resolve(new RpcClient(deps, socket)));
    });
  }

  /** True until the connection is gone. */
  get connected(): boolean {
    return !this.#connection.socket.destroyed;
  }

  /** Asks for a method, in a client span when the method is traced. */
  call<M extends Method>(method: M, params: InputOf<M>, options: CallOptions = {}): Promise<ResultOf<M>> {
    if (!method.traced || activeIds() === undefined) return this.#request(method, params, options);
    const attributes = { [attribute.rpcSystem]: "banger", [attribute.rpcMethod]: method.name };
    return this.#deps.spans.span(`call ${method.name}`, { kind: "client", attributes }, () =>
      this.#request(method, params, options),
    );
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  /** Leaves once all that was sent is written, without waiting for the peer to leave too. */
  close(): void {
    this.#connection.socket.destroySoon();
  }

  async #request<M extends Method>(method: M, params: InputOf<M>, options: CallOptions): Promise<ResultOf<M>> {
    const id = String(this.#nextId++);
    const ids = activeIds();
    const answer = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onEvent: options.onEvent });
    });
    const cancel = () => void this.#connection.send({ id, cancel: true });
    if (!this.connected) this.#fail(new BangerError("disconnected", "the peer closed the connection"));
    void this.#connection.send({
      v: wireVersion,
      id,
      method: method.name,
      params,
      ...(ids === undefined ? {} : { op_id: ids.opId, traceparent: ids.traceparent }),
      ...(options.deadlineMs === undefined ? {} : { deadline_ms: options.deadlineMs }),
    });
    if (options.signal?.aborted) cancel();
    options.signal?.addEventListener("abort", cancel);
    if (options.input) void this.#sendInput(id, options.input);
    try {
      const frame = await answer;
      if (Array.isArray(frame["spans"]) && this.#deps.acceptSpans) adoptSpans(this.#deps.acceptSpans(frame["spans"]));
      if (frame["error"] !== undefined) throw errorOf(frame["error"]);
      return frame["result"] as ResultOf<M>;
    } finally {
      this.#pending.delete(id);
      options.signal?.removeEventListener("abort", cancel);
    }
  }

  async #sendInput(id: string, input: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of input) {
        if (!this.#pending.has(id)) return;
        for (let at = 0; at < chunk.length; at += 65_536) {
          await this.#connection.send({ id, input: Buffer.from(chunk.subarray(at, at + 65_536)).toString("base64") });
        }
      }
    } finally {
      if (this.#pending.has(id)) await this.#connection.send({ id, input: "" });
    }
  }

  #receive(frame: Record<string, unknown>): void | Promise<void> {
    if (frame["id"] === null) return this.#fail(errorOf(frame["error"]));
    const pending = typeof frame["id"] === "string" ? this.#pending.get(frame["id"]) : undefined;
    if (typeof frame["event"] === "string") return pending?.onEvent?.(frame["event"], frame["data"]);
    pending?.resolve(frame);
    return undefined;
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

/** The peer's error as ours; a code that this side doesn't know is `internal`, its own code kept in the text. */
function errorOf(error: unknown): BangerError {
  const wire = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const code = typeof wire["code"] === "string" ? wire["code"] : "internal";
  const message = typeof wire["message"] === "string" ? wire["message"] : "the peer gave no reason";
  const details = wire["details"];
  return new BangerError(isErrorCode(code) ? code : "internal", isErrorCode(code) ? message : `${code}: ${message}`, {
    ...(typeof wire["op_id"] === "string" ? { opId: wire["op_id"] } : {}),
    ...(typeof details === "object" && details !== null ? { details: details as Record<string, unknown> } : {}),
  });
}
