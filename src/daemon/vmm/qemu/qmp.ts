import { createConnection, type Socket } from "node:net";
import { BangerError } from "../../../rpc/contract/errors.ts";

/** An event of QEMU's (QMP specification, 2.5). */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The longest line that is read: a guest that broke out into QEMU doesn't fill the daemon's memory. */
const maxLine = 256 * 1024;

/** A client of the QEMU Machine Protocol. */
export class QmpClient {
  /** Resolves when QEMU has closed the connection. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #pending = new Map<string, PromiseWithResolvers<unknown>>();
  readonly #listeners: ((event: QmpEvent) => void)[] = [];
  readonly #greeted = Promise.withResolvers<void>();
  #nextId = 1;
  #held = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    // The close that follows every error ends what waits.
    socket.on("error", () => undefined);
    socket.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        const gone = new BangerError("guest_died", "the VMM closed its control socket");
        this.#greeted.reject(gone);
        for (const { reject } of this.#pending.values()) reject(gone);
        this.#pending.clear();
        resolve();
      });
    });
  }

  /** Connects and leaves QEMU's negotiation behind. */
  static async connect({ path }: { path: string }): Promise<QmpClient> {
    const client = new QmpClient(createConnection(path));
    await client.#greeted.promise;
    await client.execute("qmp_capabilities");
    return client;
  }

  /** Executes a command. */
  async execute(command: "qmp_capabilities" | "cont" | "query-status"): Promise<unknown> {
    if (this.#socket.destroyed) throw new BangerError("guest_died", "the VMM closed its control socket");
    const id = String(this.#nextId++);
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    this.#socket.write(`${JSON.stringify({ execute: command, id })}\n`);
    return answer.promise;
  }

  onEvent(listener: (event: QmpEvent) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#held += text;
    for (let end = this.#held.indexOf("\n"); end !== -1; end = this.#held.indexOf("\n")) {
      const line = this.#held.slice(0, end);
      this.#held = this.#held.slice(end + 1);
      if (line.trim() !== "") this.#receive(line);
    }
    if (this.#held.length > maxLine) this.#socket.destroy();
  }

  #receive(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line) as Record<string, unknown>;
    } catch {
      // What isn't JSON doesn't come from QEMU as it was built: there is nobody to talk to.
      this.#socket.destroy();
      return;
    }
    if ("QMP" in message) return this.#greeted.resolve();
    if (typeof message["event"] === "string") {
      const event = { event: message["event"], data: (message["data"] ?? {}) as Record<string, unknown> };
      for (const listener of this.#listeners) listener(event);
      return;
    }
    const id = String(message["id"]);
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if ("error" in message) {
      const error = message["error"] as { desc?: unknown };
      pending?.reject(new BangerError("command_failed", `QEMU refused: ${String(error.desc).slice(0, 300)}`));
    } else pending?.resolve(message["return"]);
  }
}
