import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const tailBytes = 16 * 1024;
const chunkBytes = 64 * 1024;
const pollMs = 50;

/** A guest's serial console, as the logger beside its VMM writes it: `console.log`, and before it `console.log.1`. */
export class ConsoleLog {
  readonly #path: string;
  readonly #over: AbortSignal;

  /** `over` aborts when the VMM has ended. */
  constructor(path: string, over: AbortSignal) {
    this.#path = path;
    this.#over = over;
  }

  /** The last lines; a hostile guest's, so they are not to be shown as they are. */
  tail(lines: number): string {
    if (!existsSync(this.#path)) return "";
    const fd = openSync(this.#path, "r");
    try {
      const { size } = fstatSync(fd);
      const bytes = Buffer.alloc(Math.min(size, tailBytes));
      readSync(fd, bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n");
    } finally {
      closeSync(fd);
    }
  }

  /** The log so far; with `follow` it goes on until the console closes or `signal` aborts. */
  async *read({ follow, signal }: { follow: boolean; signal: AbortSignal }): AsyncGenerator<Buffer> {
    const older = `${this.#path}.1`;
    if (existsSync(older)) yield* readAll(older);
    let fd = existsSync(this.#path) ? openSync(this.#path, "r") : undefined;
    try {
      for (;;) {
        // Asked for before reading: what was written until then is read.
        const last = !follow || this.#over.aborted || signal.aborted;
        const begunAnew =
          fd !== undefined && fstatSync(fd).ino !== statSync(this.#path, { throwIfNoEntry: false })?.ino;
        if (fd !== undefined) yield* readOn(fd);
        if (begunAnew || fd === undefined) {
          if (fd !== undefined) closeSync(fd);
          fd = existsSync(this.#path) ? openSync(this.#path, "r") : undefined;
          if (fd !== undefined) continue;
        }
        if (last) return;
        await delay(pollMs);
      }
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

function* readAll(path: string): Generator<Buffer> {
  const fd = openSync(path, "r");
  try {
    yield* readOn(fd);
  } finally {
    closeSync(fd);
  }
}

function* readOn(fd: number): Generator<Buffer> {
  for (;;) {
    const bytes = Buffer.alloc(chunkBytes);
    const length = readSync(fd, bytes, 0, chunkBytes, null);
    if (length === 0) return;
    yield bytes.subarray(0, length);
  }
}
