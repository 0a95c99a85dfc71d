import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { rotatedPaths } from "../../telemetry/rotated-paths.ts";

/** A file of which the end is read as it grows. */
interface Growing {
  readonly fd: number;
  /** What was read. */
  position: number;
  /** A line that has begun. */
  rest: string;
  readonly decoder: TextDecoder;
}

const chunkBytes = 256 * 1024;

/** The lines of a log that is rotated: all that there are, then what comes. */
export class LogFiles implements Disposable {
  readonly #path: string;
  #current: Growing | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** The whole lines that there are and were not read yet, the oldest first. */
  *read(): Generator<string> {
    do {
      // Opened before what is older is read: nothing is written to that any more, once there is a newer one.
      const newer = this.#newer();
      if (this.#current !== undefined) yield* linesOf(this.#current);
      for (const file of newer.toReversed()) {
        this[Symbol.dispose]();
        this.#current = file;
        yield* linesOf(file);
      }
    } while (this.#isReplaced());
  }

  [Symbol.dispose](): void {
    if (this.#current !== undefined) closeSync(this.#current.fd);
    this.#current = undefined;
  }

  /** The files that are newer than the one that was read last, the newest first; all of them where that one is gone. */
  #newer(): Growing[] {
    if (this.#current !== undefined && !this.#isReplaced()) return [];
    // The newest is opened first: what is rotated meanwhile is met twice, never missed.
    const files = rotatedPaths(this.#path).flatMap((path) => growing(path) ?? []);
    const seen = new Set<string>();
    const distinct = files.filter(({ fd }) => !seen.has(identityOf(fd)) && seen.add(identityOf(fd)));
    const last = this.#current === undefined ? undefined : identityOf(this.#current.fd);
    const at = distinct.findIndex(({ fd }) => identityOf(fd) === last);
    const newer = at === -1 ? distinct : distinct.slice(0, at);
    for (const file of files) if (!newer.includes(file)) closeSync(file.fd);
    return newer;
  }

  #isReplaced(): boolean {
    const now = statSync(this.#path, { throwIfNoEntry: false });
    if (now === undefined || this.#current === undefined) return false;
    return `${now.dev}:${now.ino}` !== identityOf(this.#current.fd);
  }
}

/** Which file an open one is, by whatever name. */
function identityOf(fd: number): string {
  const { dev, ino } = fstatSync(fd);
  return `${dev}:${ino}`;
}

function growing(path: string): Growing | undefined {
  try {
    return { fd: openSync(path, "r"), position: 0, rest: "", decoder: new TextDecoder() };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    if (code !== "EACCES") throw error;
    throw new BangerError("not_owner", `${path} can't be read: it is the owner's`, {
      cause: error,
      details: { hint: "Ask as the owner of the installation; `journalctl BANGER_OP_ID=op-…` shows root the same." },
    });
  }
}

function* linesOf(file: Growing): Generator<string> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    const count = readSync(file.fd, chunk, 0, chunk.length, file.position);
    if (count === 0) return;
    file.position += count;
    const lines = (file.rest + file.decoder.decode(chunk.subarray(0, count), { stream: true })).split("\n");
    file.rest = lines.pop() ?? "";
    yield* lines;
  }
}
