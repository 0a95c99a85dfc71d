import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../telemetry/log.ts";
import { ConnectionLimits } from "./connection-limits.ts";
import { BangerError } from "./contract/errors.ts";
import { Dismissals } from "./dismiss.ts";
import { createHungUp } from "./hang-up.ts";
import type { PeerCredentials } from "./peer-credentials.ts";
import { ServedConnection, type ServedConnectionDeps } from "./served-connection.ts";
import { identityOf, listenAt, listenOn, type SocketFile } from "./socket-file.ts";

/** The server looks after its connections and its socket's file so often. */
const lookEveryMs = 1_000;

/** What a server needs. */
export interface ServerDeps extends SocketFile {
  /** A descriptor that listens there already: systemd's. Its file is systemd's too, and is neither made nor removed here. */
  readonly listenFd?: number | undefined;
  readonly dispatch: ServedConnectionDeps["dispatch"];
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
  const { log } = deps;
  const connections = new Set<ServedConnection>();
  const underWay = new Set<Promise<void>>();
  const limits = new ConnectionLimits(connections);
  const serving = { ...deps, limits, dismissals: new Dismissals(), hungUp: createHungUp(), underWay };
  const create = () =>
    createServer((socket) => accept(deps, serving, socket, connections)).on("error", (error) =>
      log.error({ err: error }, "the socket takes no connections"),
    );
  const place = new ListeningPlace(deps, create);
  await place.open();
  const timer = setInterval(() => {
    for (const connection of connections) connection.look();
    place.look();
  }, lookEveryMs).unref();
  return {
    close: async (graceMs = 5_000) => {
      clearInterval(timer);
      const closed = place.close();
      await Promise.race([Promise.allSettled(underWay), delay(graceMs, undefined, { ref: false })]);
      for (const connection of connections) connection.destroy();
      closed();
    },
  };
}

function accept(
  { peerOf, authorize, log }: ServerDeps,
  serving: ServedConnectionDeps,
  socket: Socket,
  connections: Set<ServedConnection>,
): void {
  const peer = peerOf(socket);
  if (!authorize(peer)) {
    log.warn({ peer }, "connection refused: not the owner");
    socket.on("error", () => undefined);
    return serving.dismissals.dismiss(
      socket,
      new BangerError("not_owner", `uid ${peer?.uid ?? "?"} may not use this socket`),
    );
  }
  const refused = serving.limits.admit(peer?.pid ?? 0);
  if (refused !== undefined) {
    log.warn({ peer, reason: refused.plain }, "connection refused: too many");
    socket.on("error", () => undefined);
    return serving.dismissals.dismiss(socket, refused);
  }
  const connection = new ServedConnection(serving, socket, peer);
  connections.add(connection);
  void connection.closed.then(() => connections.delete(connection));
}

/** The socket's file, and the server that listens there: one whose file is removed listens anew, one that is replaced says so. */
class ListeningPlace {
  readonly #deps: ServerDeps;
  readonly #create: () => Server;
  #server: Server | undefined;
  #identity: string | undefined;
  #busy = false;

  constructor(deps: ServerDeps, create: () => Server) {
    this.#deps = deps;
    this.#create = create;
  }

  async open(): Promise<void> {
    this.#server = this.#create();
    const { listenFd, path } = this.#deps;
    if (listenFd === undefined) this.#identity = await listenAt(this.#server, this.#deps);
    else {
      await listenOn(this.#server, { fd: listenFd });
      this.#identity = identityOf(path);
    }
  }

  look(): void {
    const { path, log, listenFd } = this.#deps;
    const found = identityOf(path);
    if (this.#busy || this.#identity === undefined || found === this.#identity) return;
    this.#identity = undefined;
    if (found !== undefined)
      return log.error({ path }, "the socket was replaced by another: nobody reaches this process");
    if (listenFd !== undefined)
      return log.error(
        { path },
        "the socket's file was removed: nobody reaches this process until systemd restarts its socket unit",
      );
    log.warn({ path }, "the socket's file was removed: it is made anew");
    this.#busy = true;
    // The old one first: closing it removes what is at its path. Its connections stay.
    this.#server?.close();
    this.open()
      .catch((error: unknown) => log.error({ err: error, path }, "the socket can't be made anew"))
      .finally(() => {
        this.#busy = false;
      });
  }

  /** Takes no more connections; the function that it returns removes the file. */
  close(): () => void {
    const { path, listenFd } = this.#deps;
    this.#busy = true;
    const own = listenFd === undefined ? this.#identity : undefined;
    this.#server?.close();
    return () => {
      if (own !== undefined && identityOf(path) === own) rmSync(path, { force: true });
    };
  }
}
