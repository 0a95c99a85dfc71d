import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, watch } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** So much of the end is looked through for its last lines. */
const tailBytes = 16 * 1024;
const chunkBytes = 64 * 1024;
const lineFeed = 0x0a;
/** As many lines as fit into this can be asked for. */
const lastLinesBytes = 256 * 1024;
/** A guest that prints byte by byte is read so often at most. */
const gatherMs = 10;
/** Who does not follow reads the log, and what it was continued in meanwhile, once. */
const mostFiles = 2;

/** How a console's log is read. */
export interface ConsoleReading {
  /** Goes on as the log grows. */
  readonly follow: boolean;
  /** Begins so many lines before the end; at the beginning when absent. */
  readonly lastLines?: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Resolves when nothing is written any more; what was written until then is still read. */
  readonly ended?: Promise<unknown>;
}

/**
 * What a guest wrote to its serial console. A process beside the VMM keeps it, whether a daemon runs or not, in two files of
 * bounded size: `path`, and before it `path.1`, which the next one replaces.
 */
export class ConsoleLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The last lines; a hostile guest's, so they are not to be shown as they are. */
  tail(lines: number): string {
    const fd = openIfThere(this.#path);
    if (fd === undefined) return "";
    try {
      const { size } = fstatSync(fd);
      const bytes = Buffer.alloc(Math.min(size, tailBytes));
      readSync(fd, bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n");
    } finally {
      closeSync(fd);
    }
  }

  /** The log so far, and with `follow` what comes. */
  async *read(reading: ConsoleReading): AsyncGenerator<Buffer> {
    // The newer one first: should it become the older one meanwhile, it is read once.
    let current = openIfThere(this.#path);
    let position = 0;
    try {
      if (reading.lastLines === undefined) yield* earlier(`${this.#path}.1`, current);
      else if (current !== undefined) position = startOfLast(reading.lastLines, current);
      using changes = reading.follow ? watchChanges(dirname(this.#path), reading) : undefined;
      for (let files = 1; ; ) {
        // Asked before reading: what was written before the end is then read, and the end is final.
        const over = changes === undefined || changes.over();
        if (current !== undefined) position = yield* rest(current, position, reading.signal);
        const next = successor(this.#path, current);
        if (next !== undefined && (changes !== undefined || files++ < mostFiles)) {
          position = 0;
          if (current !== undefined) closeSync(current);
          current = next;
        } else {
          if (next !== undefined) closeSync(next);
          if (over) return;
          await changes.next();
        }
      }
    } finally {
      if (current !== undefined) closeSync(current);
    }
  }
}

/** Where the last lines of a file begin; what follows the last line feed is one too. */
function startOfLast(lines: number, fd: number): number {
  const { size } = fstatSync(fd);
  const bytes = Buffer.alloc(Math.min(size, lastLinesBytes));
  const begin = size - bytes.length;
  const end = readSync(fd, bytes, 0, bytes.length, begin);
  let start = end;
  // The line feed that ends a line doesn't begin another.
  let before = bytes[end - 1] === lineFeed ? end - 2 : end - 1;
  for (let left = lines; left > 0 && start > 0; left--) {
    start = before < 0 ? 0 : bytes.lastIndexOf(lineFeed, before) + 1;
    before = start - 2;
  }
  return begin + start;
}

function* earlier(path: string, current: number | undefined): Generator<Buffer> {
  const fd = openIfThere(path);
  if (fd === undefined) return;
  try {
    if (current === undefined || fstatSync(fd).ino !== fstatSync(current).ino) yield* chunks(fd, 0);
  } finally {
    closeSync(fd);
  }
}

function* rest(fd: number, position: number, signal: AbortSignal): Generator<Buffer, number> {
  // One that was cut meanwhile goes on where it ends now.
  let at = Math.min(position, fstatSync(fd).size);
  for (const chunk of chunks(fd, at)) {
    if (signal.aborted) return at;
    at += chunk.length;
    yield chunk;
  }
  return at;
}

/** What lies between a position and the end of a file. */
function* chunks(fd: number, position: number): Generator<Buffer> {
  const bytes = Buffer.alloc(chunkBytes);
  for (let at = position; ; ) {
    const got = readSync(fd, bytes, 0, chunkBytes, at);
    if (got === 0) return;
    at += got;
    // A copy: a byte that waits somewhere keeps no more than itself.
    yield Buffer.from(bytes.subarray(0, got));
  }
}

/** The log's file, opened, when it is another one than `current`. */
function successor(path: string, current: number | undefined): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || (current !== undefined && found.ino === fstatSync(current).ino)) return undefined;
  return openIfThere(path);
}

/** Opened without following a link or waiting; what is no file is no log. */
function openIfThere(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENXIO"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return undefined;
}

/** Tells when something in a directory changed, or the reading is over. */
function watchChanges(directory: string, { signal, ended }: ConsoleReading) {
  let over = signal.aborted;
  let changed = Promise.withResolvers<void>();
  const wake = () => changed.resolve();
  const end = () => {
    over = true;
    wake();
  };
  const watcher = watch(directory, wake);
  watcher.on("error", end);
  signal.addEventListener("abort", end, { once: true });
  void ended?.then(end);
  return {
    over: () => over,
    next: async () => {
      await changed.promise;
      if (!over) await delay(gatherMs, undefined, { signal, ref: false }).catch(() => undefined);
      changed = Promise.withResolvers<void>();
    },
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", end);
      watcher.close();
    },
  };
}
