import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";

/** What the host's side of a vsock asks of the VMM. */
export interface VsockDeps {
  /** Resolves when there is a guest to ask; its driver may come later. */
  readonly begun: Promise<void>;
  /** True while nothing reaches the guest. */
  readonly isDeaf: () => boolean;
  readonly connect: (port: number) => Promise<Duplex | undefined>;
}

/** The unix socket through which the host reaches ports of a guest (docs/vsock.md). */
export class VsockServer {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #deps: VsockDeps;

  private constructor(deps: VsockDeps) {
    this.#deps = deps;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Listens on that path; fails where something is there. */
  static async listen(path: string, deps: VsockDeps): Promise<VsockServer> {
    const made = new VsockServer(deps);
    const listening = Promise.withResolvers<void>();
    made.#server.once("error", listening.reject).listen(path, listening.resolve);
    await listening.promise;
    return made;
  }

  /** The guest's driver was told that all its connections are over. */
  reset(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  close(): void {
    this.reset();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("error", () => undefined).on("close", () => this.#connections.delete(socket));
    socket.once("data", (said: Buffer) => {
      socket.pause();
      const port = /^CONNECT (\d+)\n$/.exec(said.toString())?.[1];
      if (port === undefined) socket.destroy();
      else void this.#connect(socket, Number(port));
    });
  }

  async #connect(socket: Socket, port: number): Promise<void> {
    await this.#deps.begun;
    if (this.#deps.isDeaf()) return;
    const guest = await this.#deps.connect(port);
    if (guest === undefined) return void socket.destroy();
    socket.write("OK 1073741824\n");
    pipeline(socket, guest, socket, () => undefined);
  }
}
