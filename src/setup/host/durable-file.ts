import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** A file as it was before something was done to it; undefined where there was none. */
export type Before = { readonly text: string; readonly mode: number } | undefined;

/** What is at a path, a link itself and not what it leads to; undefined where nothing is, or can be. */
export function statIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** True where something is, if only a link; `unreachable` stands in where that can't be looked at, which else is an error. */
export function isThere(path: string, unreachable?: boolean): boolean {
  try {
    return statIfThere(path) !== undefined;
  } catch (error) {
    if (unreachable === undefined) throw error;
    return unreachable;
  }
}

/** A file's text and mode. */
export function readIfThere(path: string): Before {
  const stat = statIfThere(path);
  return stat?.isFile() === true ? { text: readFileSync(path, "utf8"), mode: stat.mode & 0o7777 } : undefined;
}

/** Writes a file as a whole: whoever reads it, also after a crash, finds the old text or the new one. */
export function writeDurably(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const fd = openSync(draft, "wx", mode);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  chmodSync(draft, mode);
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

/** Makes a file what it was. */
export function putBack(path: string, before: Before): void {
  if (before === undefined) rmSync(path, { force: true });
  else writeDurably(path, before.text, before.mode);
}

/** What a link says; undefined where there is none. */
export function linkText(path: string): string | undefined {
  return statIfThere(path)?.isSymbolicLink() === true ? readlinkSync(path) : undefined;
}

/** Lets a link lead to `target` at one moment, whatever it led to before; undefined removes it. */
export function switchLink(path: string, target: string | undefined): void {
  if (target === undefined) return rmSync(path, { force: true });
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  symlinkSync(target, draft);
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

/** What was done in a directory is on disk afterwards. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes a directory that has nothing in it. */
export function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["ENOTEMPTY", "ENOENT", "EEXIST", "EBUSY"].includes(code)) throw error;
  }
}
