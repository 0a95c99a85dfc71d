import { BangerError } from "../../rpc/contract/errors.ts";
import { asciiOf, saysUtf8 } from "./locale.ts";
import { ownPipe } from "./own-pipe.ts";

/** The reader of standard output left (`| head`): nothing went wrong, and there is nobody to tell more. */
export class ReaderLeft extends Error {
  override readonly name = "ReaderLeft";
}

/** After an interruption, a reader that stands still holds up the end no longer than this. */
const interruptedFlushMs = 100;

/** Standard output and error, which a caller may close, fill or leave at any time. Only what is used is opened: that costs milliseconds. */
export class StandardStreams {
  readonly #used = new Map<1 | 2, NodeJS.WritableStream>();
  /** Text is for people, in the locale's characters; bytes are a guest's, JSON is UTF-8: both go out as they are. */
  readonly #ascii = !saysUtf8(process.env);

  /** Writes to standard output; resolves when it is taken, or nobody waits for it any more. Rejects with ReaderLeft or `output_failed`. */
  async out(bytes: Uint8Array | string, signal?: AbortSignal): Promise<void> {
    const error = await this.#write(this.#stream(1), this.#shown(bytes), signal);
    if (error === undefined) return;
    // What waited behind the write that heard of it isn't told why.
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") throw new ReaderLeft();
    throw new BangerError("output_failed", `standard output can't be written: ${error.code ?? error.message}`, {
      cause: error,
    });
  }

  /**
   * Writes to standard error; resolves when it is taken. What can't be written is lost: that nobody reads is no reason to stop.
   * False where somebody may miss it: a reader didn't leave, a disk is full.
   */
  async err(bytes: Uint8Array | string, signal?: AbortSignal): Promise<boolean> {
    const error = await this.#write(this.#stream(2), this.#shown(bytes), signal);
    return error === undefined || error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED";
  }

  /** Resolves when all is taken, or given up: an interrupted process doesn't wait for a reader. */
  async flush(interrupted?: AbortSignal): Promise<void> {
    const limit = interrupted === undefined ? undefined : soonAfter(interrupted);
    await Promise.all([...this.#used.values()].map((stream) => this.#write(stream, "", limit)));
    this.#used.clear();
  }

  #stream(fd: 1 | 2): NodeJS.WritableStream {
    const known = this.#used.get(fd);
    if (known !== undefined) return known;
    const stream = ownPipe(fd) ?? (fd === 1 ? process.stdout : process.stderr);
    // Each write hears of its own failure.
    stream.on("error", () => undefined);
    this.#used.set(fd, stream);
    return stream;
  }

  #shown(bytes: Uint8Array | string): Uint8Array | string {
    return this.#ascii && typeof bytes === "string" ? asciiOf(bytes) : bytes;
  }

  #write(
    stream: NodeJS.WritableStream,
    bytes: Uint8Array | string,
    signal: AbortSignal | undefined,
  ): Promise<NodeJS.ErrnoException | undefined> {
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

function soonAfter(interrupted: AbortSignal): AbortSignal {
  const limit = new AbortController();
  const begin = () => void setTimeout(() => limit.abort(), interruptedFlushMs);
  interrupted.addEventListener("abort", begin);
  if (interrupted.aborted) begin();
  return limit.signal;
}
