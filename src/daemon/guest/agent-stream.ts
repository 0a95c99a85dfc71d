import type { Duplex } from "node:stream";
import { BangerError } from "../../rpc/contract/errors.ts";
import { type AgentFrame, AgentFrameDecoder, breach, encodeAgentFrame } from "./agent-frame.ts";
import { TimeShare } from "./time-share.ts";
import { within } from "./within.ts";

/** No payload is longer that an agent may send before its hello is known, HELLO and STARTED. */
const longestIntroduction = 64;
/** So much may lie between a daemon that died and the answer to this one: twice what the port of a guest holds (128 writes of 32 KiB). */
const noiseBytes = 8 * 1024 * 1024;
/** A guest gets this part of a processor's time at most, and reading a byte counts as a nanosecond at least. */
const share = { part: 0.25, burstMs: 20 };
const msPerByte = 1e-6;

/** Frames over a stream that a hostile guest may fill with anything. */
export class AgentStream {
  /** Gets each frame; what it throws ends the stream, and nothing else. */
  onFrame: (frame: AgentFrame) => void = () => undefined;
  /** Resolves when the stream is gone. */
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  readonly #drainDeadlineMs: number;
  readonly #decoder = new AgentFrameDecoder(longestIntroduction);
  readonly #share = new TimeShare({ ...share, now: () => performance.now() });
  #noise: number | undefined = noiseBytes;
  #rest: NodeJS.Timeout | undefined;
  #fault: BangerError | undefined;
  #draining: Promise<void> | undefined;

  /** `drainDeadlineMs`: how long the guest may take nothing of what is sent. */
  constructor(stream: Duplex, drainDeadlineMs: number) {
    this.#drainDeadlineMs = drainDeadlineMs;
    this.#stream = stream;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    if (stream.destroyed) closed.resolve();
    stream.once("close", () => {
      clearTimeout(this.#rest);
      closed.resolve();
    });
    stream.once("end", () => stream.destroy());
    // Every error is followed by the close that ends what waits.
    stream.on("error", () => undefined);
    stream.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  /** What the guest sent that ended the stream. */
  get fault(): BangerError | undefined {
    return this.#fault;
  }

  /** The guest has said hello: from the next frame on, what is no frame ends the stream. */
  synchronise(): void {
    this.#decoder.synchronise();
    this.#noise = undefined;
  }

  /** Sends a frame; resolves when the guest keeps up, or is gone. */
  async send(frame: AgentFrame): Promise<void> {
    await this.write(encodeAgentFrame(frame));
  }

  /** Sends bytes as they are. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#stream.destroyed || this.#stream.write(bytes)) return;
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  close(): void {
    this.#stream.destroy();
  }

  #take(bytes: Buffer): void {
    const began = performance.now();
    try {
      for (const frame of this.#decoder.push(bytes)) this.onFrame(frame);
      if (this.#noise !== undefined && (this.#noise -= bytes.length) < 0) {
        throw breach(`${noiseBytes / 1024 / 1024} MiB and no answer`);
      }
    } catch (error) {
      if (error instanceof BangerError) this.#fault = error;
      this.#stream.destroy(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#pauseAfter(Math.max(performance.now() - began, bytes.length * msPerByte));
  }

  /** Other guests' work goes on while this one's waits. */
  #pauseAfter(tookMs: number): void {
    const restMs = this.#share.spend(tookMs);
    if (restMs === 0 || this.#stream.destroyed) return;
    this.#stream.pause();
    this.#rest = setTimeout(() => this.#stream.resume(), restMs);
    this.#rest.unref();
  }

  async #drain(): Promise<void> {
    const drained = Promise.withResolvers<void>();
    for (const event of ["drain", "close"]) this.#stream.once(event, drained.resolve);
    try {
      await within(this.#drainDeadlineMs, "the guest's agent took nothing of what was sent", drained.promise);
    } finally {
      for (const event of ["drain", "close"]) this.#stream.off(event, drained.resolve);
      this.#draining = undefined;
    }
  }
}
