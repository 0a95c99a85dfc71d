import { closeSync, fstatSync, openSync, readSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";

/** So much of the end is looked through for its last lines. */
const tailBytes = 16 * 1024;
const chunkBytes = 64 * 1024;

/** How a console's log is read. */
export interface ConsoleReading {
  /** Goes on as the log grows. */
  readonly follow: boolean;
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
    try {
      yield* earlier(`${this.#path}.1`, current);
      using changes = reading.follow ? watchChanges(dirname(this.#path), reading) : undefined;
      for (;;) {
        // Asked before reading: what was written before the end is then read, and the end is final.
        const over = changes === undefined || changes.over();
        if (current !== undefined) yield* rest(current, reading.signal);
        const next = successor(this.#path, current);
        if (next !== undefined) {
          if (current !== undefined) closeSync(current);
          current = next;
        } else if (over) return;
        else await changes.next();
      }
    } finally {
      if (current !== undefined) closeSync(current);
    }
  }
}

function* earlier(path: string, current: number | undefined): Generator<Buffer> {
  const fd = openIfThere(path);
  if (fd === undefined) return;
  try {
    if (current === undefined || fstatSync(fd).ino !== fstatSync(current).ino) yield* chunks(fd);
  } finally {
    closeSync(fd);
  }
}

function* rest(fd: number, signal: AbortSignal): Generator<Buffer> {
  for (const chunk of chunks(fd)) {
    if (signal.aborted) return;
    yield chunk;
  }
}

/** What lies between the descriptor's position and the end of its file. */
function* chunks(fd: number): Generator<Buffer> {
  for (;;) {
    const bytes = Buffer.alloc(chunkBytes);
    const got = readSync(fd, bytes);
    if (got === 0) return;
    yield bytes.subarray(0, got);
  }
}

/** The log's file, opened, when it is another one than `current`. */
function successor(path: string, current: number | undefined): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || (current !== undefined && found.ino === fstatSync(current).ino)) return undefined;
  return openIfThere(path);
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
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
      changed = Promise.withResolvers<void>();
    },
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", end);
      watcher.close();
    },
  };
}
