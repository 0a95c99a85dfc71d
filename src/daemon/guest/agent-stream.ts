import type { Duplex } from "node:stream";
import { type AgentFrame, AgentFrameDecoder, encodeAgentFrame } from "./agent-frame.ts";
import { within } from "./within.ts";

/** Frames over a stream that a hostile guest may fill with anything. */
export class AgentStream {
  /** Gets each frame; what it throws ends the stream, and nothing else. */
  onFrame: (frame: AgentFrame) => void = () => undefined;
  /** Resolves when the stream is gone. */
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  readonly #drainDeadlineMs: number;
  readonly #decoder = new AgentFrameDecoder();
  #draining: Promise<void> | undefined;

  /** `drainDeadlineMs`: how long the guest may take nothing of what is sent. */
  constructor(stream: Duplex, drainDeadlineMs: number) {
    this.#drainDeadlineMs = drainDeadlineMs;
    this.#stream = stream;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    if (stream.destroyed) closed.resolve();
    stream.once("close", () => closed.resolve());
    stream.once("end", () => stream.destroy());
    // Every error is followed by the close that ends what waits.
    stream.on("error", () => undefined);
    stream.on("data", (bytes: Buffer) => this.#take(bytes));
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
    try {
      for (const frame of this.#decoder.push(bytes)) this.onFrame(frame);
    } catch (error) {
      this.#stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #drain(): Promise<void> {
    const drained = Promise.withResolvers<void>();
    this.#stream.once("drain", drained.resolve);
    try {
      const taken = Promise.race([drained.promise, this.closed]);
      await within(this.#drainDeadlineMs, "the guest's agent took nothing of what was sent", taken);
    } finally {
      this.#stream.off("drain", drained.resolve);
      this.#draining = undefined;
    }
  }
}
