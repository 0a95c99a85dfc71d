import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";

const shape = z.object({
  /** Its guest stands still for want of room, not because somebody asked. */
  no_room: z.boolean(),
  /** What its guest read and wrote until now, in bytes; null once that wasn't all heard. */
  disk: z.object({ read_bytes: z.int().min(0), written_bytes: z.int().min(0) }).nullable(),
});

/** What is remembered of a Firecracker that runs. */
export type Remembered = z.output<typeof shape>;

/** What remembering needs. */
export interface MemoryDeps {
  /** Where it is kept for the next daemon. */
  readonly path: string;
  readonly complain: (error: unknown) => void;
}

/** A Firecracker tells neither for what it was paused nor what it has counted before: that is kept in a file, also for the next daemon. */
export class Memory {
  readonly #deps: MemoryDeps;
  #now: Remembered;

  private constructor(deps: MemoryDeps, now: Remembered) {
    this.#deps = deps;
    this.#now = now;
  }

  /** Begins anew, for one that is about to be started. */
  static begin(deps: MemoryDeps): void {
    rmSync(deps.path, { force: true });
    new Memory(deps, { no_room: false, disk: { read_bytes: 0, written_bytes: 0 } }).set({});
  }

  /** What was remembered; where that couldn't be written, or somebody spoiled it, nothing is known of before. */
  static of(deps: MemoryDeps): Memory {
    return new Memory(deps, readFrom(deps.path) ?? { no_room: false, disk: null });
  }

  get now(): Remembered {
    return this.#now;
  }

  /** Remembers something else from now on. */
  set(change: Partial<Remembered>): void {
    this.#now = { ...this.#now, ...change };
    try {
      writeFileSync(`${this.#deps.path}.new`, JSON.stringify(this.#now), { mode: 0o600 });
      renameSync(`${this.#deps.path}.new`, this.#deps.path);
    } catch (error) {
      this.#deps.complain(error);
    }
  }
}

function readFrom(path: string): Remembered | undefined {
  try {
    return shape.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}
