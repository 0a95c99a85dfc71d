import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { halfOf } from "./places.ts";

/** Has the files of a directory written to the disk, which takes a while for an image: what the host's power is cut of later is there. */
export async function settle(directory: string): Promise<void> {
  for (const path of [...readdirSync(directory).map((name) => join(directory, name)), directory]) {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

/**
 * Moves what was made, and has settled, to its place, and records it: what cuts that short leaves a half, which is told from what lost
 * its record. What lies in its place without a record gives way: it is called so by its content.
 */
export function putInPlace<T>(made: string, place: string, record: () => T): T {
  const half = halfOf(place);
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
  remove(half);
  renameSync(made, half);
  const settled = () => {
    syncDirectory(dirname(place));
    return record();
  };
  const recorded = unlessFails(settled, () => remove(half));
  remove(place);
  renameSync(half, place);
  return recorded;
}

/** Removes a directory and, in between, what `forget` removes; it stays whole where that fails. */
export function takeAway<T>(place: string, forget: () => T): T {
  const isThere = setAside(place);
  const forgotten = unlessFails(forget, () => isThere && putBack(place));
  remove(halfOf(place));
  return forgotten;
}

/** Calls a directory a half, before its record goes; false where there is none. */
export function setAside(place: string): boolean {
  try {
    renameSync(place, halfOf(place));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Undoes that, where it was done. */
export function putBack(place: string): void {
  try {
    renameSync(halfOf(place), place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function unlessFails<T>(work: () => T, undo: () => unknown): T {
  try {
    return work();
  } catch (error) {
    undo();
    throw error;
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
