import type { Socket } from "node:net";
import type { Logger } from "../telemetry/log.ts";
import { isOpId, traceIdOf } from "../telemetry/op-id.ts";
import { version } from "../version.ts";
import { Connection } from "./connection.ts";
import type { ConnectionLimits, LimitedConnection } from "./connection-limits.ts";
import { BangerError } from "./contract/errors.ts";
import type { Dismissals } from "./dismiss.ts";
import { type RequestContext, refusal, requestId } from "./dispatch.ts";
import type { ResponseFrame } from "./frame.ts";
import type { PeerCredentials } from "./peer-credentials.ts";
import { ActiveRequest } from "./request.ts";

/** A peer that sent half a frame, and waits for no answer, has so long for the rest. */
const defaultHalfFrameMs = 30_000;
/** So many traces of its requests are a connection's own: what came before is submitted by then. */
const maxTraces = 1_024;

/** What serving a connection needs. */
export interface ServedConnectionDeps {
  readonly dispatch: (
    frame: Record<string, unknown>,
    context: Omit<RequestContext, "opId" | "asked">,
  ) => Promise<ResponseFrame>;
  readonly log: Logger;
  readonly limits: ConnectionLimits;
  readonly dismissals: Dismissals;
  readonly hungUp: (socket: Socket) => boolean;
  /** Requests that are answered when the server closes. */
  readonly underWay: Set<Promise<void>>;
  /** How long half a frame may stay one: 30 s by default. */
  readonly halfFrameMs?: number;
}

/** A client of a server: its requests under way, each answered by dispatch. */
export class ServedConnection implements LimitedConnection {
  readonly #deps: ServedConnectionDeps;
  readonly #peer: PeerCredentials | undefined;
  readonly #connection: Connection;
  readonly #active = new Map<string, ActiveRequest>();
  readonly #traces = new Set<string>();
  #inFlight = 0;
  #leaving = false;
  #heardAt = performance.now();

  constructor(deps: ServedConnectionDeps, socket: Socket, peer: PeerCredentials | undefined) {
    this.#deps = deps;
    this.#peer = peer;
    this.#connection = new Connection(
      socket,
      (frame) => this.#take(frame),
      (error) => {
        deps.log.warn({ err: error }, "connection closed: not a frame");
        this.end(error);
      },
      (bytes) => deps.limits.mayWait(bytes),
    );
    void this.#connection.closed.then(() => {
      if (this.#connection.overflowed) deps.log.warn({ peer }, "connection closed: its peer does not read");
      for (const request of this.#active.values()) request.cancel(new BangerError("cancelled", "the caller went away"));
    });
  }

  get pid(): number {
    return this.#peer?.pid ?? 0;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  get unsentBytes(): number {
    return this.#connection.socket.writableLength;
  }

  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  /** Says why, and closes. */
  end(reason: unknown): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#deps.dismissals.dismiss(this.#connection.socket, reason);
  }

  destroy(): void {
    this.#connection.socket.destroy();
  }

  /** Looks after what no event tells: a peer that left while nothing is read of it, half a frame that stays one. */
  look(): void {
    const { socket, handling, partial, heardAt } = this.#connection;
    if (handling && this.#deps.hungUp(socket)) socket.destroy();
    const { halfFrameMs = defaultHalfFrameMs } = this.#deps;
    const silentMs = performance.now() - heardAt;
    if (partial && this.#inFlight === 0 && silentMs > halfFrameMs) {
      this.end(new BangerError("bad_frame", `half a frame, and nothing more for ${Math.round(silentMs / 1000)} s`));
    }
  }

  async #take(frame: Record<string, unknown>): Promise<void> {
    const { log, limits, underWay } = this.#deps;
    // What a client sent before it left is not begun after that: nothing would cancel it.
    if (this.#leaving || this.#connection.socket.destroyed) return;
    this.#heardAt = performance.now();
    const id = requestId(frame);
    const request = id === undefined ? undefined : this.#active.get(id);
    if (frame["cancel"] === true) {
      if (request?.passSignal(frame["signal"], frame["size"]) === true) return;
      return request?.cancel(new BangerError("cancelled", "cancelled by the caller"));
    }
    if (typeof frame["input"] === "string") return request?.feed(frame["input"]);
    if (request !== undefined) {
      return this.#connection.send(refusal(new BangerError("bad_frame", `request ${id} is already under way`)));
    }
    const refused = limits.refuse(this);
    if (refused !== undefined) return this.#connection.send(refusal(refused, id));
    if (typeof frame["version"] === "string" && frame["version"] !== version) {
      const peer_version = frame["version"].slice(0, 40);
      log.info({ peer: this.#peer, peer_version, version }, "the peer is of another version");
    }
    this.#inFlight++;
    const work = this.#answer(frame, id)
      .catch((error: unknown) => log.error({ err: error }, "a request could not be answered"))
      .finally(() => {
        this.#inFlight--;
        underWay.delete(work);
      });
    underWay.add(work);
  }

  async #answer(frame: Record<string, unknown>, id: string | undefined): Promise<void> {
    const grant = (bytes: number) => void this.#connection.send({ id: id ?? "", event: "credit", data: { bytes } });
    const request = new ActiveRequest(frame["deadline_ms"], frame["credit"] === true ? grant : undefined);
    if (id !== undefined) this.#active.set(id, request);
    // So that the client knows that there will be more.
    if (frame["credit"] === true) grant(0);
    if (isOpId(frame["op_id"])) this.#ownTrace(traceIdOf(frame["op_id"]));
    const response = await this.#deps.dispatch(frame, {
      signal: request.signal,
      peer: this.#peer,
      emit: (event, data) => {
        const sent = this.#connection.send({ id: id ?? "", event, ...(data === undefined ? {} : { data }) });
        return unlessAborted(sent, request.signal);
      },
      takeSignals: (deliver) => request.takeSignals(deliver),
      input: request.input(),
      ownsTrace: (traceId) => this.#traces.has(traceId),
    });
    if (id !== undefined) this.#active.delete(id);
    request.close();
    await this.#respond(frame, response);
  }

  #ownTrace(traceId: string): void {
    this.#traces.delete(traceId);
    this.#traces.add(traceId);
    if (this.#traces.size > maxTraces) for (const oldest of this.#traces) return void this.#traces.delete(oldest);
  }

  /** Sends an answer; one that is too long goes without its spans, or becomes the error that it is. */
  async #respond(frame: Record<string, unknown>, response: ResponseFrame): Promise<void> {
    try {
      await this.#connection.send(response);
    } catch (error) {
      const { spans, ...rest } = response;
      if (spans !== undefined) return this.#respond(frame, rest);
      const answer = refusal(error instanceof BangerError ? tooLong(error, frame["op_id"]) : error, response.id);
      this.#deps.log.warn({ op_id: answer.error?.op_id, err: error }, "an answer could not be sent");
      await this.#connection.send(answer);
    }
  }
}

/** The error of an answer that no frame holds: whoever asked did not send too much. */
function tooLong({ code, plain }: BangerError, opId: unknown): BangerError {
  return new BangerError(code, plain, {
    details: { hint: "The answer is longer than one may be: ask for less at once." },
    ...(isOpId(opId) ? { opId } : {}),
  });
}

/** Waits for `work` unless the request is over for its client: an undo never waits for anybody to read of it. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      signal.removeEventListener("abort", leave);
      end();
    };
    const leave = () => settle(resolve);
    work.then(leave, (error: unknown) => settle(() => reject(error as Error)));
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
  });
}
