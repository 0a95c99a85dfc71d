import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import koffi from "koffi";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { TimeShare } from "../../guest/time-share.ts";
import { LineReader } from "../line-reader.ts";

/** The longest line that is read: a real one has some 10 KiB, so nothing that counts is in one that is passed over. */
const maxLine = 256 * 1024;
/** One VMM gets this part of a processor's time at most. */
const share = { part: 0.25, burstMs: 20 };
const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
/** fcntl(2). */
const F_SETPIPE_SZ = 1031;
/** Room for some hundred minutes without a daemon; the most that the kernel gives to who isn't root (pipe(7), pipe-max-size). */
const fifoBytes = 2 ** 20;

/** Opens the FIFO into which a Firecracker writes what it counted, a line each time. */
export function openMetrics(path: string): Socket {
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!fstatSync(fd).isFIFO()) {
    closeSync(fd);
    throw new BangerError("host_failed", `${path} is no FIFO`);
  }
  // Where the kernel gives less, less is kept.
  const fcntl = koffi.load("libc.so.6").func("int fcntl(int fd, int command, ...)");
  fcntl(fd, F_SETPIPE_SZ, "int", fifoBytes);
  return new Socket({ fd, readable: true, writable: false });
}

/**
 * Reads what a Firecracker counted: once a minute, and when it is asked to say so. It is taken out at once, as what
 * doesn't fit into the FIFO is counted no more.
 */
export class MetricsReader {
  readonly #fifo: Socket;
  readonly #lines = new LineReader(maxLine);
  readonly #share = new TimeShare({ ...share, now: () => performance.now() });
  #next = Promise.withResolvers<void>();
  #rest: NodeJS.Timeout | undefined;

  /** `take` gets the lines that came. */
  constructor(fifo: Socket, take: (lines: readonly string[]) => void) {
    this.#fifo = fifo;
    this.#next.promise.catch(() => undefined);
    // The close that follows ends what waits.
    fifo.on("error", () => undefined).on("close", () => this.#end());
    fifo.setEncoding("utf8").on("data", (text: string) => {
      const restMs = this.#read(text, take);
      if (restMs === 0 || fifo.destroyed) return;
      fifo.pause();
      this.#rest = setTimeout(() => fifo.resume(), restMs).unref();
    });
  }

  /** Resolves with the next line; to be asked for before Firecracker is. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  close(): void {
    this.#fifo.destroy();
  }

  /** Says for how long nothing more is to be read. */
  #read(text: string, take: (lines: readonly string[]) => void): number {
    const began = performance.now();
    const lines = [...this.#lines.push(text)];
    if (lines.length > 0) {
      take(lines);
      this.#next.resolve();
      this.#next = Promise.withResolvers();
      this.#next.promise.catch(() => undefined);
    }
    return this.#share.spend(performance.now() - began);
  }

  #end(): void {
    clearTimeout(this.#rest);
    this.#next.reject(new BangerError("guest_died", "the VMM writes no metrics any more"));
  }
}
