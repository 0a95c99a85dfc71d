import { once } from "node:events";
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, renameSync, writeSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { dirname } from "node:path";

/** The log stays below this. */
const maxBytes = 1024 * 1024;
/** So much of it is kept when it is cut. */
const keptBytes = 512 * 1024;
/** A follower that is so far behind misses the middle. */
const followerBytes = 256 * 1024;
const tailBytes = 16 * 1024;

/** A guest's serial console: what it writes goes to a file of bounded size, and to whoever follows. */
export class ConsoleLog {
  /** Resolves when the VMM has closed the console. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #path: string;
  readonly #followers = new Set<Follower>();
  #fd: number;
  #size: number;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    this.#fd = openSync(path, "a+", 0o600);
    this.#size = fstatSync(this.#fd).size;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        for (const follower of this.#followers) follower.end();
        closeSync(this.#fd);
        resolve();
      });
    });
    // Every error is followed by the close.
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
  }

  /** Connects to the console's socket and goes on with the log. */
  static async attach({ socketPath, logPath }: { socketPath: string; logPath: string }): Promise<ConsoleLog> {
    mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
    const socket = createConnection(socketPath);
    await once(socket, "connect");
    return new ConsoleLog(socket, logPath);
  }

  /** The last lines; a hostile guest's, so they are not to be shown as they are. */
  tail(lines: number): string {
    return lastLines(this.#path, lines);
  }

  /** The log so far; with `follow` it goes on until the console closes or `signal` aborts. */
  async *read({ follow, signal }: { follow: boolean; signal: AbortSignal }): AsyncGenerator<Buffer> {
    const follower = new Follower();
    // No byte is written between these two: it would be missed, or come twice.
    const before = readFileSync(this.#path);
    if (follow && !this.#socket.destroyed) this.#followers.add(follower);
    else follower.end();
    const end = () => follower.end();
    signal.addEventListener("abort", end);
    try {
      for (let at = 0; at < before.length; at += 65_536) yield before.subarray(at, at + 65_536);
      yield* follower.chunks();
    } finally {
      this.#followers.delete(follower);
      signal.removeEventListener("abort", end);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    if (this.#size + bytes.length >= maxBytes) this.#cut();
    writeSync(this.#fd, bytes);
    this.#size += bytes.length;
    for (const follower of this.#followers) follower.push(bytes);
  }

  /** Starts the log anew with the last half of it. */
  #cut(): void {
    const cutBytes = Math.max(0, this.#size - keptBytes);
    const kept = Buffer.alloc(this.#size - cutBytes);
    readSync(this.#fd, kept, 0, kept.length, cutBytes);
    const draft = openSync(`${this.#path}.new`, "w+", 0o600);
    this.#size = writeSync(draft, mark(cutBytes)) + writeSync(draft, kept);
    renameSync(`${this.#path}.new`, this.#path);
    closeSync(this.#fd);
    this.#fd = draft;
  }
}

/** The last lines of a console's log. */
function lastLines(path: string, lines: number): string {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, tailBytes));
    readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } finally {
    closeSync(fd);
  }
}

/** What stands in a log where something was left out. */
function mark(bytes: number): Buffer {
  return Buffer.from(`\n[banger: ${bytes} bytes of the console were cut here]\n`);
}

/** What a follower has not taken yet. */
class Follower {
  #chunks: Buffer[] = [];
  #held = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  push(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    if (this.#held > followerBytes) {
      this.#chunks = [mark(this.#held)];
      this.#held = 0;
    }
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#held = Math.max(0, this.#held - chunk.length);
        yield chunk;
      } else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
