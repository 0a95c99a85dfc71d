import type { Socket } from "node:net";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { printableLine } from "../../../rpc/printable.ts";
import { TimeShare } from "../../guest/time-share.ts";
import { Unasked } from "../../guest/unasked.ts";
import { type JsonObject, objectOf } from "./json.ts";
import { LineReader } from "../line-reader.ts";

/** An event of QEMU's (QMP specification, 2.5). */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The commands that are used. */
type QmpCommand =
  | "qmp_capabilities"
  | "cont"
  | "stop"
  | "system_powerdown"
  | "query-status"
  | "query-block"
  | "query-blockstats"
  | "block_resize"
  | "object-add"
  | "object-del"
  | "qom-list";

/** The longest line that is read: a guest that broke out into QEMU doesn't fill the daemon's memory. */
const maxLine = 256 * 1024;
/** QEMU answers each of the commands that are used at once, unless it was stopped. */
const answerDeadlineMs = 5_000;
/** It may greet before it has opened its disks, which takes its time on a slow host, and answers only then. */
const firstAnswerDeadlineMs = 20_000;
/** One VMM gets this part of a processor's time at most. */
const share = { part: 0.25, burstMs: 20 };
/** So much of what it says of an error is told. */
const mostWords = 300;

/** What a client of QEMU's is made with. */
export interface QmpOptions {
  readonly socket: Socket;
  readonly signal: AbortSignal;
  /** Told of each command that is sent. */
  readonly asks?: ((command: QmpCommand) => void) | undefined;
}

/** A client of the QEMU Machine Protocol. Whatever comes from the other side fails this connection at most. */
export class QmpClient {
  /** Resolves when the other side is gone, or what it sent was of no use; never by `close`. */
  readonly lost: Promise<void>;
  readonly #socket: Socket;
  readonly #asks: (command: QmpCommand) => void;
  readonly #pending = new Map<string, PromiseWithResolvers<unknown>>();
  readonly #listeners: ((event: QmpEvent) => void)[] = [];
  readonly #greeted = Promise.withResolvers<void>();
  #closed = false;
  #nextId = 1;
  readonly #lines = new LineReader(maxLine);
  readonly #share = new TimeShare({ ...share, now: () => performance.now() });
  readonly #unasked = new Unasked(() => performance.now());
  #fault: BangerError | undefined;

  private constructor(socket: Socket, asks: (command: QmpCommand) => void) {
    this.#socket = socket;
    this.#asks = asks;
    // The close that follows every error ends what waits.
    socket.on("error", () => undefined);
    let rest: NodeJS.Timeout | undefined;
    socket.setEncoding("utf8").on("data", (text: string) => {
      const restMs = this.#take(text);
      if (restMs === 0 || socket.destroyed) return;
      socket.pause();
      rest = setTimeout(() => socket.resume(), restMs).unref();
    });
    this.#greeted.promise.catch(() => undefined);
    this.lost = new Promise((resolve) => {
      socket.once("close", () => {
        clearTimeout(rest);
        const gone = this.#fault ?? new BangerError("guest_died", "the VMM closed its control socket");
        this.#greeted.reject(gone);
        for (const { reject } of this.#pending.values()) reject(gone);
        this.#pending.clear();
        if (!this.#closed) resolve();
      });
    });
  }

  /** Takes over an open socket and leaves QEMU's negotiation behind. */
  static async connect({ socket, signal, asks = () => undefined }: QmpOptions): Promise<QmpClient> {
    const client = new QmpClient(socket, asks);
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
  async execute(
    command: QmpCommand,
    signal: AbortSignal = new AbortController().signal,
    parameters?: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    if (this.#socket.destroyed) throw new BangerError("guest_died", "the VMM closed its control socket");
    const id = String(this.#nextId++);
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    this.#asks(command);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`);
    try {
      const ms = command === "qmp_capabilities" ? firstAnswerDeadlineMs : answerDeadlineMs;
      return await this.#within(answer.promise, `answer ${command}`, signal, ms);
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

  async #within<T>(work: Promise<T>, what: string, signal: AbortSignal, ms = answerDeadlineMs): Promise<T> {
    signal.throwIfAborted();
    const given = Promise.withResolvers<never>();
    const abort = () => given.reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    const late = setTimeout(
      () => given.reject(new BangerError("deadline_exceeded", `QEMU did not ${what} within ${ms} ms`)),
      ms,
    );
    try {
      return await Promise.race([work, given.promise]);
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Says for how long nothing more is to be read. */
  #take(text: string): number {
    const began = performance.now();
    try {
      for (const line of this.#lines.push(text, () => useless("a line without an end"))) {
        if (line.trim() === "") continue;
        const message = messageOf(line);
        // What isn't an object of JSON doesn't come from QEMU as it was built: there is nobody to talk to.
        if (message === undefined) throw useless("what is no QMP");
        if (!this.#receive(message) && !this.#unasked.take()) throw useless("a flood of what nobody asked for");
      }
    } catch (error) {
      this.#fault = error instanceof BangerError ? error : useless("what could not be read");
      this.#socket.destroy();
    }
    return this.#share.spend(performance.now() - began);
  }

  /** False for what nobody waited for. */
  #receive(message: JsonObject): boolean {
    if ("QMP" in message) {
      this.#greeted.resolve();
      return false;
    }
    if (typeof message["event"] === "string") {
      const event = { event: message["event"], data: objectOf(message["data"]) ?? {} };
      for (const listener of this.#listeners) listener(event);
      return false;
    }
    const { id } = message;
    const pending = typeof id === "string" ? this.#pending.get(id) : undefined;
    if (pending === undefined) return false;
    if (!("error" in message)) pending.resolve(message["return"]);
    else pending.reject(refusal(wordsOf(message["error"])));
    return true;
  }
}

function useless(what: string): BangerError {
  return new BangerError("guest_died", `the VMM sent ${what} on its control socket`);
}

function refusal(words: string): BangerError {
  return new BangerError(
    /No space left on device/.test(words) ? "no_space" : "command_failed",
    `QEMU refused: ${words}`,
  );
}

/** What QEMU says of an error, in one line that a terminal may show. */
function wordsOf(error: unknown): string {
  const said = objectOf(error)?.["desc"];
  const words = typeof said === "string" ? printableLine(said.slice(0, mostWords)) : "";
  return words === "" ? "it gave no reason" : words;
}

/** A line as an object of JSON; undefined when it is none. */
function messageOf(line: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(line));
  } catch {
    return undefined;
  }
}
