import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { Spans } from "../../../telemetry/spans.ts";
import { type Answers, mustBeDone, type RawAnswer, readAnswer } from "./api-answer.ts";
import type { BodyOf, Method, PathOf } from "./api-types.ts";

/** What a client of Firecracker's is made with. */
export interface FirecrackerApiDeps {
  /** Opens a connection to its API's socket. */
  readonly open: (signal: AbortSignal) => Promise<Socket>;
  /** Each request of an operation is a span. */
  readonly spans: Pick<Spans, "span" | "activeIds">;
}

/** The most that an answer is read of: its longest tells how a whole VM is configured, in a few KiB. */
const maxAnswer = 256 * 1024;
/** It answers at once, unless it was stopped. */
const answerDeadlineMs = 5_000;
/** It may listen before it reads; and what it begins a guest with, it reads from the disk. */
const slowDeadlineMs = 20_000;
const slow: ReadonlySet<string> = new Set(["/version", "/actions"]);

/** A client of Firecracker's HTTP API, of one request at a time. Whatever comes from the other side fails a request at most. */
export class FirecrackerApi {
  readonly #spans: FirecrackerApiDeps["spans"];
  readonly #agent: Agent;

  constructor({ open, spans }: FirecrackerApiDeps) {
    this.#spans = spans;
    this.#agent = new ApiAgent(open);
  }

  /** Reads. */
  get<P extends keyof Answers>(path: P, signal: AbortSignal): Promise<Answers[P]> {
    const asked = { method: "GET", template: path, path, body: undefined } as const;
    return this.#ask(asked, signal, (answer) => readAnswer(path, answer));
  }

  /** Sets; `id` is what the path has in braces. */
  put<P extends PathOf<"PUT">>(path: P, body: BodyOf<"PUT", P>, signal: AbortSignal, id?: string): Promise<void> {
    return this.#change("PUT", path, body, signal, id);
  }

  /** Changes what is set. */
  patch<P extends PathOf<"PATCH">>(path: P, body: BodyOf<"PATCH", P>, signal: AbortSignal, id?: string): Promise<void> {
    return this.#change("PATCH", path, body, signal, id);
  }

  /** Asks for nothing any more. */
  close(): void {
    this.#agent.destroy();
  }

  #change(method: "PUT" | "PATCH", template: string, body: unknown, signal: AbortSignal, id = ""): Promise<void> {
    const path = template.replace(/\{\w+\}/, id);
    const asked = { method, template, path, body: JSON.stringify(body) };
    return this.#ask(asked, signal, (answer) => mustBeDone(`${method} ${path}`, answer));
  }

  #ask<T>(asked: Asked, signal: AbortSignal, read: (answer: RawAnswer) => T): Promise<T> {
    const { method, template, path } = asked;
    // What is a poll, or cares for a VM while nobody asks, is in no trace.
    if (this.#spans.activeIds() === undefined) return this.#exchange(asked, signal).then(read);
    const attributes = { [attribute.httpMethod]: method, [attribute.urlPath]: path };
    return this.#spans.span(`${method} ${template}`, { kind: "client", attributes }, async (span) => {
      const answer = await this.#exchange(asked, signal);
      span.setAttribute(attribute.httpStatus, answer.status);
      return read(answer);
    });
  }

  async #exchange({ method, path, body }: Asked, signal: AbortSignal): Promise<RawAnswer> {
    signal.throwIfAborted();
    const ms = slow.has(path) ? slowDeadlineMs : answerDeadlineMs;
    const late = AbortSignal.timeout(ms);
    const request = httpRequest({
      agent: this.#agent,
      method,
      path,
      headers:
        body === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) },
      signal: AbortSignal.any([signal, late]),
    });
    try {
      return await answered(request, body);
    } catch (cause) {
      signal.throwIfAborted();
      if (late.aborted)
        throw new BangerError("deadline_exceeded", `Firecracker did not answer ${method} ${path} within ${ms} ms`);
      if (cause instanceof BangerError) throw cause;
      const { code = "it failed" } = cause as NodeJS.ErrnoException;
      throw new BangerError("guest_died", `the VMM closed its API's socket at ${method} ${path}: ${code}`, { cause });
    }
  }
}

interface Asked {
  readonly method: Method;
  /** As it is published. */
  readonly template: string;
  readonly path: string;
  readonly body: string | undefined;
}

/** Keeps one connection for all requests: what is at its other end is looked at once. */
class ApiAgent extends Agent {
  readonly #open: FirecrackerApiDeps["open"];
  readonly #closing = new AbortController();

  constructor(open: FirecrackerApiDeps["open"]) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#open = open;
  }

  override createConnection(_: unknown, made?: (error: Error | null, socket: Duplex) => void): undefined {
    this.#open(this.#closing.signal).then(
      (socket) => made?.(null, socket),
      (error: unknown) => (made as ((error: unknown) => void) | undefined)?.(error),
    );
  }

  override destroy(): void {
    this.#closing.abort(new BangerError("guest_died", "the connection to the VMM was closed"));
    super.destroy();
  }
}

/** Sends a request, and reads its answer to the end. */
async function answered(request: ClientRequest, body: string | undefined): Promise<RawAnswer> {
  const answer = Promise.withResolvers<IncomingMessage>();
  request.on("response", answer.resolve).on("error", answer.reject);
  request.end(body);
  const message = await answer.promise;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxAnswer) throw new BangerError("command_failed", "Firecracker sent an answer without an end");
    chunks.push(chunk);
  }
  return { status: message.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") };
}
