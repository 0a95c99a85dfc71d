import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { DestinationStream } from "pino";
import { droppedRecord, type Drops } from "./dropped-record.ts";
import { rotatedPaths } from "./rotated-paths.ts";

/** What a log in files needs. */
export interface RotatedLogDeps {
  /** The newest file; older ones are beside it, with `.1` and so on. */
  readonly path: string;
  /** A file that has grown to this is followed by another. */
  readonly fileBytes: number;
  /** Whether there is room for more on that file system. */
  readonly hasRoom: () => boolean;
}

/** Whether there is room is asked so often at most. */
const lookEveryMs = 200;

/** Lines in files of bounded size and number. What can't be written is dropped and counted, and a line says so where the gap is. */
export class RotatedLog implements DestinationStream, Drops {
  readonly #deps: RotatedLogDeps;
  #fd: number | undefined;
  #size = 0;
  #dropped = 0;
  #untold = 0;
  /** The last write left a part of a line. */
  #torn = false;
  #room = true;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: RotatedLogDeps) {
    this.#deps = deps;
  }

  /** How many lines were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** How many of these no line says yet: they are newer than all that is there. */
  get untold(): number {
    return this.#untold;
  }

  write(line: string): void {
    if (!this.#tell() || !this.#hasRoom() || !this.#append(line)) {
      this.#dropped++;
      this.#untold++;
    }
  }

  close(): void {
    this.#tell();
    this.#shut();
  }

  /** A full disk's last blocks are the store's. */
  #hasRoom(): boolean {
    const now = performance.now();
    if (now - this.#lookedAt < lookEveryMs) return this.#room;
    this.#lookedAt = now;
    try {
      this.#room = this.#deps.hasRoom();
    } catch {
      this.#room = false;
    }
    return this.#room;
  }

  /** Says what is missing, where it is missing. */
  #tell(): boolean {
    if (this.#untold === 0) return true;
    if (!this.#hasRoom() || !this.#append(droppedRecord(this.#untold))) return false;
    this.#untold = 0;
    return true;
  }

  #append(line: string): boolean {
    try {
      if (this.#fd !== undefined && this.#size >= this.#deps.fileBytes) this.#rotate();
      this.#fd ??= this.#open();
      const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
      const written = writeSync(this.#fd, bytes);
      this.#size += written;
      this.#torn = written < bytes.length;
      return !this.#torn;
    } catch {
      // Where should it be said? The gap is marked when there is room for that.
      return false;
    }
  }

  #open(): number {
    const { path } = this.#deps;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, "a", 0o600);
    this.#size = fstatSync(fd).size;
    // A process that was killed in the middle of a line left a part of it.
    this.#torn = this.#size > 0;
    return fd;
  }

  #rotate(): void {
    const paths = rotatedPaths(this.#deps.path);
    for (const [index, older] of [...paths.entries()].toReversed()) {
      const newer = paths[index - 1];
      if (newer === undefined) continue;
      try {
        renameSync(newer, older);
      } catch {
        // It is not there yet.
      }
    }
    this.#shut();
  }

  #shut(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
