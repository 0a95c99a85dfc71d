import { writeSync } from "node:fs";
import koffi from "koffi";
import type { DestinationStream } from "pino";

/** So much waits for a reader that is slow; what is beyond it is dropped. */
const heldBytes = 256 * 1024;
/** What waits is tried again after this, though nothing else is written. */
const retryAfterMs = 200;
/** A pipe that has room at all has room for this (pipe(7)), so that a write of no more never blocks. */
const chunkBytes = 4_096;

const POLLOUT = 4;
const POLLERR = 8;

/** True where a write neither blocks nor waits: asked for each time, since the descriptor's flags are others' too. */
function createWritable(): (fd: number) => boolean {
  const poll = koffi.load("libc.so.6").func("int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)");
  return (fd) => {
    const asked = Buffer.alloc(8);
    asked.writeInt32LE(fd, 0);
    asked.writeInt16LE(POLLOUT, 4);
    return poll(asked, 1, 0) === 1 && (asked.readInt16LE(6) & (POLLOUT | POLLERR)) !== 0;
  };
}

/**
 * A destination of lines that neither ends nor blocks its process: what can't be written (a full disk, a reader that left or
 * doesn't read) waits for a while, then is dropped and counted, and a line says so where the gap is.
 */
export class Output implements DestinationStream {
  readonly #fd: number;
  readonly #writable = createWritable();
  #held: Buffer[] = [];
  #heldBytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    this.#flush();
    // One gap at a time: until what waits is written, what comes is a part of it.
    if (this.#dropped > 0 || this.#heldBytes + bytes.length > heldBytes) {
      this.#dropped++;
      return;
    }
    this.#hold(bytes);
    this.#flush();
  }

  #flush(): void {
    for (;;) {
      for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
        const written = this.#writeSome(first);
        this.#heldBytes -= written;
        if (written < first.length) this.#held[0] = first.subarray(written);
        else this.#held.shift();
        if (written === 0) return this.#retryLater();
      }
      if (this.#dropped === 0) return;
      const record = { level: "warn", time: new Date().toISOString(), pid: process.pid, dropped: this.#dropped };
      this.#dropped = 0;
      this.#hold(
        Buffer.from(`${JSON.stringify({ ...record, message: "records were dropped: they could not be written" })}\n`),
      );
    }
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #writeSome(bytes: Buffer): number {
    try {
      return this.#writable(this.#fd) ? writeSync(this.#fd, bytes, 0, Math.min(bytes.length, chunkBytes)) : 0;
    } catch {
      // Where should it be said? The gap is marked when there is somebody to read it.
      return 0;
    }
  }

  #retryLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // In few large writes: what a socket has room for is counted in writes too.
      if (this.#held.length > 1) this.#held = [Buffer.concat(this.#held)];
      this.#flush();
    }, retryAfterMs).unref();
  }
}
