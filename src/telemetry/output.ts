import { writeSync } from "node:fs";
import koffi from "koffi";
import type { DestinationStream } from "pino";
import { droppedRecord, type Drops } from "./dropped-record.ts";
import { HeldLines } from "./held-lines.ts";

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
export class Output implements DestinationStream, Drops {
  readonly #fd: number;
  readonly #writable = createWritable();
  readonly #lines: HeldLines;

  constructor(fd: number) {
    this.#fd = fd;
    this.#lines = new HeldLines({
      limitBytes: heldBytes,
      retryAfterMs,
      joins: true,
      gap: (dropped) => Buffer.from(droppedRecord(dropped)),
      take: (bytes) => this.#writeSome(bytes),
    });
  }

  get dropped(): number {
    return this.#lines.dropped;
  }

  write(line: string): void {
    this.#lines.write(Buffer.from(line));
  }

  #writeSome(bytes: Buffer): number {
    try {
      return this.#writable(this.#fd) ? writeSync(this.#fd, bytes, 0, Math.min(bytes.length, chunkBytes)) : 0;
    } catch {
      // Where should it be said? The gap is marked when there is somebody to read it.
      return 0;
    }
  }
}
