import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../telemetry/log.ts";
import { isOpId, traceIdOf } from "../telemetry/op-id.ts";
import { version } from "../version.ts";
import { Connection } from "./connection.ts";
import { BangerError } from "./contract/errors.ts";
import { type RequestContext, refusal } from "./dispatch.ts";
import { encodeFrame, type ResponseFrame } from "./frame.ts";
import type { PeerCredentials } from "./peer-credentials.ts";
import { ActiveRequest } from "./request.ts";

/** At most this many requests of one connection run at a time. */
const maxInFlight = 64;
/** A peer that was told to leave has so long to do so. */
const lingerMs = 1_000;

/** What a server needs. */
export interface ServerDeps {
  /** The socket's path; the file of a process that is gone is replaced. */
  readonly path: string;
  /** The socket's mode. */
  readonly mode: number;
  readonly dispatch: (frame: Record<string, unknown>, context: Omit<RequestContext, "opId">) => Promise<ResponseFrame>;
  readonly log: Logger;
  readonly peerOf: (socket: Socket) => PeerCredentials | undefined;
  /** Whether this peer may ask anything at all. */
  readonly authorize: (peer: PeerCredentials | undefined) => boolean;
}

/** A listening socket. */
export interface RpcServer {
  /** Takes no new connections, lets requests under way finish for `graceMs`, then closes. */
  close(graceMs?: number): Promise<void>;
}

/** Listens on a unix socket and answers every request on it. */
export async function listen(deps: ServerDeps): Promise<RpcServer> {
  const connections = new Set<Connection>();
  const underWay = new Set<Promise<void>>();
  const server = createServer((socket) => accept(deps, socket, connections, underWay));
  if (await answers(deps.path)) throw new Error(`another process listens on ${deps.path} already`);
  rmSync(deps.path, { force: true });
  await bind(server, deps.path);
  chmodSync(deps.path, deps.mode);
  return {
    close: async (graceMs = 5_000) => {
      server.close();
      await Promise.race([Promise.allSettled(underWay), delay(graceMs, undefined, { ref: false })]);
      for (const connection of connections) connection.socket.destroy();
      rmSync(deps.path, { force: true });
    },
  };
}

/** True when a process listens there; a socket's file may outlive its process. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (there: boolean) => {
      socket.destroy();
      resolve(there);
    };
    socket.once("connect", () => end(true));
    // One that is stopped, or too busy to accept, listens all the same.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function accept(deps: ServerDeps, socket: Socket, connections: Set<Connection>, underWay: Set<Promise<void>>): void {
  const peer = deps.peerOf(socket);
  if (!deps.authorize(peer)) {
    deps.log.warn({ peer }, "connection refused: not the owner");
    socket.on("error", () => undefined);
    dismiss(socket, new BangerError("not_owner", `uid ${peer?.uid ?? "?"} may not use this socket`));
    return;
  }
  const active = new Map<string, ActiveRequest>();
  const traces = new Set<string>();

  const connection: Connection = new Connection(
    socket,
    async (frame): Promise<void> => {
      const id = typeof frame["id"] === "string" ? frame["id"] : "";
      const request = active.get(id);
      if (frame["cancel"] === true) return request?.cancel(new BangerError("cancelled", "cancelled by the caller"));
      if (typeof frame["input"] === "string") return request?.feed(Buffer.from(frame["input"], "base64"));
      if (request !== undefined) {
        return connection.send(
          refusal(new BangerError("bad_frame", `request ${id.slice(0, 64)} is already under way`)),
        );
      }
      if (active.size >= maxInFlight) {
        return connection.send(refusal(new BangerError("busy", `more than ${maxInFlight} requests at a time`), id));
      }
      if (typeof frame["version"] === "string" && frame["version"] !== version) {
        deps.log.info({ peer, peer_version: frame["version"].slice(0, 40), version }, "the peer is of another version");
      }
      const work = answer(frame, id).finally(() => underWay.delete(work));
      underWay.add(work);
      return undefined;
    },
    (error) => {
      deps.log.warn({ err: error }, "connection closed: not a frame");
      dismiss(socket, error);
    },
  );
  connections.add(connection);

  async function answer(frame: Record<string, unknown>, id: string): Promise<void> {
    const grant = (bytes: number) => void connection.send({ id, event: "credit", data: { bytes } });
    const request = new ActiveRequest(frame["deadline_ms"], frame["credit"] === true ? grant : undefined);
    active.set(id, request);
    // So that the client knows that there will be more.
    if (frame["credit"] === true) grant(0);
    if (isOpId(frame["op_id"])) traces.add(traceIdOf(frame["op_id"]));
    const response = await deps.dispatch(frame, {
      signal: request.signal,
      peer,
      emit: (event, data) => {
        const sent = connection.send({ id, event, ...(data === undefined ? {} : { data }) });
        return unlessAborted(sent, request.signal);
      },
      input: request.input(),
      ownsTrace: (traceId) => traces.has(traceId),
    });
    active.delete(id);
    request.close();
    await respond(frame, response);
  }

  /** Sends an answer; one that is too long goes without its spans, or becomes the error that it is. */
  async function respond(frame: Record<string, unknown>, response: ResponseFrame): Promise<void> {
    try {
      await connection.send(response);
    } catch (error) {
      const { spans, ...rest } = response;
      if (spans !== undefined) return respond(frame, rest);
      const tooLong = error instanceof BangerError && isOpId(frame["op_id"]) ? error.withOpId(frame["op_id"]) : error;
      const answer = refusal(tooLong, response.id);
      deps.log.warn({ op_id: answer.error?.op_id, err: error }, "an answer could not be sent");
      await connection.send(answer);
    }
  }

  void connection.closed.then(() => {
    connections.delete(connection);
    if (connection.overflowed) deps.log.warn({ peer }, "connection closed: its peer does not read");
    for (const request of active.values()) request.cancel(new BangerError("cancelled", "the caller went away"));
  });
}

/** Says why and leaves; what the peer still sends is read, else it would lose these words. Gone after a moment, whatever the peer does. */
function dismiss(socket: Socket, error: unknown): void {
  socket.end(encodeFrame(refusal(error)));
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
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
