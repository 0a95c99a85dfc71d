import { constants } from "node:os";
import { BangerError } from "./contract/errors.ts";
import type { TerminalSize } from "./frame.ts";

/** How many bytes of input may wait for a handler before reading from the client pauses. */
const inputHighWater = 256 * 1024;
/** Pieces are joined up to this length: what many small ones cost beside their bytes is memory too. */
const joinedLength = 4_096;

/** The last of Linux' signals (signal(7), SIGRTMAX). */
const lastSignal = 64;
/** They end nothing, so they cancel nothing either. */
const harmless: readonly number[] = [constants.signals.SIGWINCH, constants.signals.SIGCONT];
/** A terminal has as many rows and columns as 16 bits say (ioctl_tty(2)). */
const mostCharacters = 65_535;

/** Takes a signal that the caller passes on; with SIGWINCH, the size that its terminal has now. */
export type Deliver = (signal: number, size?: TerminalSize) => void;

/** A request under way on the server: its cancellation, its deadline and its input. */
export class ActiveRequest {
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #ended = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #deliver: Deliver | undefined;
  /** The last size of the caller's terminal that came before anybody took signals. */
  #size: TerminalSize | undefined;

  readonly #onTaken: ((bytes: number) => void) | undefined;

  /** `onTaken` hears how many bytes of input the handler took. */
  constructor(deadlineMs: unknown, onTaken?: (bytes: number) => void) {
    this.#onTaken = onTaken;
    if (typeof deadlineMs !== "number" || !(deadlineMs > 0)) return;
    this.#timer = setTimeout(
      () => this.cancel(new BangerError("deadline_exceeded", `not done within ${deadlineMs} ms`)),
      Math.min(deadlineMs, 2 ** 31 - 1),
    );
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  cancel(reason: BangerError): void {
    this.#abort.abort(reason);
    this.#ended = true;
    this.#chunks = [];
    this.#held = 0;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  /** From here on `deliver` gets the signals that the caller passes on, and now the size that its terminal has had meanwhile. */
  takeSignals(deliver: Deliver): void {
    this.#deliver = deliver;
    if (this.#size !== undefined) deliver(constants.signals.SIGWINCH, this.#size);
    this.#size = undefined;
  }

  /** Passes a signal on; false when nothing here takes it, and it isn't one that ends nothing. */
  passSignal(signal: unknown, given?: unknown): boolean {
    if (typeof signal !== "number" || !Number.isInteger(signal) || signal < 1 || signal > lastSignal) return false;
    const size = sizeIn(given);
    if (this.#deliver !== undefined) this.#deliver(signal, size);
    else if (!harmless.includes(signal)) return false;
    else this.#size = size ?? this.#size;
    return true;
  }

  /** Takes input from the client, in base64; resolves when more is welcome. */
  async feed(text: string): Promise<void> {
    if (this.#ended) return;
    const chunk = Buffer.from(text, "base64");
    // What says nothing is not the end, which is empty.
    if (text !== "" && chunk.length === 0) return this.cancel(new BangerError("bad_frame", "input: is not base64"));
    if (chunk.length === 0) this.#ended = true;
    else this.#keep(chunk);
    this.#wakeReader?.();
    if (this.#held < inputHighWater || this.#ended) return;
    // Reading never pauses for a client that heeds credit, so that its cancellation and its end are always heard.
    if (this.#onTaken !== undefined) return this.cancel(new BangerError("bad_frame", "input: more than was granted"));
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  #keep(chunk: Uint8Array): void {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.length + chunk.length <= joinedLength) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, chunk]);
    } else this.#chunks.push(chunk);
    this.#held += chunk.length;
  }

  /** The input, until the client ends it or the request is cancelled. */
  async *input(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#held -= chunk.length;
        if (this.#held < inputHighWater) this.#wakeWriter?.();
        yield chunk;
        this.#onTaken?.(chunk.length);
      } else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
    }
  }

  /** Ends the deadline and lets a client that still sends go on, its bytes unread. */
  close(): void {
    clearTimeout(this.#timer);
    this.#ended = true;
    this.#chunks = [];
    this.#wakeWriter?.();
  }
}

/** A size as a client says it; undefined for anything else. */
function sizeIn(given: unknown): TerminalSize | undefined {
  const { columns, rows } = (given ?? {}) as Record<string, unknown>;
  return isLength(columns) && isLength(rows) ? { columns, rows } : undefined;
}

function isLength(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= mostCharacters;
}
