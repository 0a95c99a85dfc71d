import { randomFillSync } from "node:crypto";
import { closeSync, openSync, rmSync, statfsSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { errnoName } from "../../rpc/errno-name.ts";
import type { Allocate } from "./allocate.ts";

/**
 * So much is kept back for the store. A stop, kill, delete or rm takes some 25 KiB of a write-ahead log and its trace as much
 * again (test/integration/store/full-disk.test.ts measures that): room for 80 of them, half of it for what must be recorded.
 */
export const reserveBytes = 4 * 1024 * 1024;

/** Blocks of the state's disk that are kept back, for what must be written down when the disk is full. */
export class Reserve {
  readonly #path: string;
  readonly #directory: string;
  readonly #allocate: Allocate;
  #filling: Promise<boolean> | undefined;

  constructor(directory: string, path: string, allocate: Allocate) {
    this.#directory = directory;
    this.#path = path;
    this.#allocate = allocate;
  }

  /** True while it is there. */
  get whole(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.size === reserveBytes;
  }

  /** Gives its blocks to the file `heir`; false when there were none. */
  release(heir: string): boolean {
    if (!this.whole) return false;
    // What filled the disk, a guest say, still writes: the heir takes the blocks at once.
    const fd = openSync(heir, "a", 0o600);
    try {
      rmSync(this.#path);
      this.#allocate(fd, reserveBytes);
      return true;
    } finally {
      closeSync(fd);
    }
  }

  /** Makes it whole where the disk has room for it and as much again; says whether it is. */
  refill(): Promise<boolean> {
    if (this.whole) return Promise.resolve(true);
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  async #fill(): Promise<boolean> {
    const { bavail, bsize } = statfsSync(this.#directory);
    if (bavail * bsize < 2 * reserveBytes) return false;
    const draft = `${this.#path}.draft`;
    try {
      const file = await open(draft, "w", 0o600);
      try {
        // Bytes that no file system makes smaller: only real blocks are a reserve.
        await file.writeFile(randomFillSync(Buffer.allocUnsafe(reserveBytes)));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, this.#path);
      return true;
    } catch (error) {
      await rm(draft, { force: true });
      if (["ENOSPC", "EDQUOT"].includes(errnoName(error))) return false;
      throw error;
    }
  }
}
