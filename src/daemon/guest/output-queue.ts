import { maxPayload } from "./agent-frame.ts";

/** Which of a command's two outputs. */
export type OutputName = "stdout" | "stderr";

/** What a queue of output needs. */
export interface OutputQueueDeps {
  /** Takes a part; the next waits while its promise does. */
  readonly take: (output: OutputName, bytes: Uint8Array) => void | Promise<void>;
  /** Is told what was taken. */
  readonly onTaken: (bytes: number) => Promise<void>;
  /** Is told why nothing more is taken. */
  readonly onFailure: (error: unknown) => void;
}

interface Waiting {
  readonly output: OutputName;
  bytes: Buffer;
  length: number;
}

/** With so many parts waiting, one goes to an earlier one of its output: only the order between the two is lost. */
const mostParts = 64;
const leastGrowth = 1_024;

/** A command's output on its way to whoever takes it: in few parts, however small those are in which it comes. */
export class OutputQueue {
  readonly #deps: OutputQueueDeps;
  readonly #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;

  constructor(deps: OutputQueueDeps) {
    this.#deps = deps;
  }

  push(output: OutputName, bytes: Buffer): void {
    const joined = this.#joinable(output, bytes.length);
    if (joined === undefined) this.#waiting.push({ output, bytes, length: bytes.length });
    else append(joined, bytes);
    if (this.#draining !== undefined) return;
    this.#draining = this.#drain();
    // Whoever waits for the end hears of it; until then it isn't unheard.
    this.#draining.catch(this.#deps.onFailure);
  }

  /** Resolves when all was taken that has come. */
  get drained(): Promise<void> {
    return this.#draining ?? Promise.resolve();
  }

  #joinable(output: OutputName, length: number): Waiting | undefined {
    const parts = this.#waiting;
    const last = parts.length < mostParts ? parts.at(-1) : parts.findLast((part) => part.output === output);
    return last?.output === output && last.length + length <= maxPayload ? last : undefined;
  }

  async #drain(): Promise<void> {
    // What comes in one piece is joined first.
    await Promise.resolve();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#deps.take(next.output, next.bytes.subarray(0, next.length));
      await this.#deps.onTaken(next.length);
    }
    this.#draining = undefined;
  }
}

function append(part: Waiting, bytes: Buffer): void {
  if (part.length + bytes.length > part.bytes.length) {
    const grown = Buffer.alloc(Math.max(2 * part.length, part.length + bytes.length, leastGrowth));
    part.bytes.copy(grown, 0, 0, part.length);
    part.bytes = grown;
  }
  bytes.copy(part.bytes, part.length);
  part.length += bytes.length;
}
