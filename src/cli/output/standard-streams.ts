import { BangerError } from "../../rpc/contract/errors.ts";

/** The reader of standard output left (`| head`): nothing went wrong, and there is nobody to tell more. */
export class ReaderLeft extends Error {
  override readonly name = "ReaderLeft";
}

/** After an interruption, a reader that stands still holds up the end no longer than this. */
const interruptedFlushMs = 100;

/** Standard output and error, which a caller may close, fill or leave at any time. Only what is used is opened: that costs milliseconds. */
export class StandardStreams {
  readonly #used = new Set<NodeJS.WriteStream>();

  /** Writes to standard output; resolves when it is taken, or nobody waits for it any more. Rejects with ReaderLeft or `output_failed`. */
  async out(bytes: Uint8Array | string, signal?: AbortSignal): Promise<void> {
    const error = await this.#write(process.stdout, bytes, signal);
    if (error === undefined) return;
    if (error.code === "EPIPE") throw new ReaderLeft();
    throw new BangerError("output_failed", `standard output can't be written: ${error.code ?? error.message}`, {
      cause: error,
    });
  }

  /** Writes to standard error; resolves when it is taken. What can't be written is lost: that nobody reads is no reason to stop. */
  async err(bytes: Uint8Array | string, signal?: AbortSignal): Promise<void> {
    await this.#write(process.stderr, bytes, signal);
  }

  /** Resolves when all is taken; an interrupted process doesn't wait for a reader. */
  async flush(interrupted: boolean): Promise<void> {
    const limit = interrupted ? AbortSignal.timeout(interruptedFlushMs) : undefined;
    await Promise.all([...this.#used].map((stream) => this.#write(stream, "", limit)));
  }

  #write(
    stream: NodeJS.WriteStream,
    bytes: Uint8Array | string,
    signal: AbortSignal | undefined,
  ): Promise<NodeJS.ErrnoException | undefined> {
    // Each write hears of its own failure.
    if (!this.#used.has(stream)) stream.on("error", () => undefined);
    this.#used.add(stream);
    return new Promise((resolve) => {
      const leave = () => resolve(undefined);
      signal?.addEventListener("abort", leave);
      stream.write(bytes, (error) => {
        signal?.removeEventListener("abort", leave);
        resolve(error ?? undefined);
      });
      if (signal?.aborted) leave();
    });
  }
}
