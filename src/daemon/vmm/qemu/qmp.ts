import { createConnection, type Socket } from "node:net";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { type JsonObject, objectOf } from "./json.ts";

/** An event of QEMU's (QMP specification, 2.5). */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The commands that are used. */
type QmpCommand = "qmp_capabilities" | "cont" | "query-status" | "query-block";

/** The longest line that is read: a guest that broke out into QEMU doesn't fill the daemon's memory. */
const maxLine = 256 * 1024;
/** QEMU answers each of the commands that are used at once, unless it was stopped. */
const answerDeadlineMs = 5_000;

/** A client of the QEMU Machine Protocol. Whatever comes from the other side fails this connection at most. */
export class QmpClient {
  /** Resolves when the other side is gone, or what it sent was of no use; never by `close`. */
  readonly lost: Promise<void>;
  readonly #socket: Socket;
  readonly #pending = new Map<string, PromiseWithResolvers<unknown>>();
  readonly #listeners: ((event: QmpEvent) => void)[] = [];
  readonly #greeted = Promise.withResolvers<void>();
  #closed = false;
  #nextId = 1;
  #held = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    // The close that follows every error ends what waits.
    socket.on("error", () => undefined);
    socket.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    this.#greeted.promise.catch(() => undefined);
    this.lost = new Promise((resolve) => {
      socket.once("close", () => {
        const gone = new BangerError("guest_died", "the VMM closed its control socket");
        this.#greeted.reject(gone);
        for (const { reject } of this.#pending.values()) reject(gone);
        this.#pending.clear();
        if (!this.#closed) resolve();
      });
    });
  }

  /** Connects and leaves QEMU's negotiation behind. */
  static async connect({ path, signal }: { path: string; signal: AbortSignal }): Promise<QmpClient> {
    signal.throwIfAborted();
    const client = new QmpClient(createConnection(path));
    try {
      await client.#within(client.#greeted.promise, "greet", signal);
      await client.execute("qmp_capabilities", signal);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Executes a command; what QEMU doesn't answer in time is given up. */
  async execute(command: QmpCommand, signal: AbortSignal = new AbortController().signal): Promise<unknown> {
    if (this.#socket.destroyed) throw new BangerError("guest_died", "the VMM closed its control socket");
    const id = String(this.#nextId++);
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    this.#socket.write(`${JSON.stringify({ execute: command, id })}\n`);
    try {
      return await this.#within(answer.promise, `answer ${command}`, signal);
    } finally {
      this.#pending.delete(id);
    }
  }

  onEvent(listener: (event: QmpEvent) => void): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  async #within<T>(work: Promise<T>, what: string, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const given = Promise.withResolvers<never>();
    const abort = () => given.reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    const late = setTimeout(
      () => given.reject(new BangerError("deadline_exceeded", `QEMU did not ${what} within ${answerDeadlineMs} ms`)),
      answerDeadlineMs,
    );
    try {
      return await Promise.race([work, given.promise]);
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    }
  }

  #take(text: string): void {
    this.#held += text;
    for (let end = this.#held.indexOf("\n"); end !== -1; end = this.#held.indexOf("\n")) {
      const line = this.#held.slice(0, end);
      this.#held = this.#held.slice(end + 1);
      if (line.trim() === "") continue;
      const message = messageOf(line);
      // What isn't an object of JSON doesn't come from QEMU as it was built: there is nobody to talk to.
      if (message === undefined) return void this.#socket.destroy();
      this.#receive(message);
    }
    if (this.#held.length > maxLine) this.#socket.destroy();
  }

  #receive(message: JsonObject): void {
    if ("QMP" in message) return this.#greeted.resolve();
    if (typeof message["event"] === "string") {
      const event = { event: message["event"], data: objectOf(message["data"]) ?? {} };
      for (const listener of this.#listeners) listener(event);
      return undefined;
    }
    const pending = this.#pending.get(String(message["id"]));
    if (!("error" in message)) return pending?.resolve(message["return"]);
    const said = objectOf(message["error"])?.["desc"];
    const why = typeof said === "string" ? said.slice(0, 300) : "it gave no reason";
    return pending?.reject(new BangerError("command_failed", `QEMU refused: ${why}`));
  }
}

/** A line as an object of JSON; undefined when it is none. */
function messageOf(line: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(line));
  } catch {
    return undefined;
  }
}
