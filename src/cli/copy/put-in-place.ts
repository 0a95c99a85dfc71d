import type { Stats } from "node:fs";
import { chmod, lstat, readdir, rename, stat } from "node:fs/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { below, onFile, shownPath } from "./local-path.ts";

/** Where a copy goes. */
export interface Target {
  readonly path: Buffer;
  /** A directory on the same file system, in which the copy is made before it is moved. */
  readonly beside: Buffer;
  /** True where a slash at its end says that it is a directory's name. */
  readonly isDirectory: boolean;
}

/** Where something called `name` goes that is copied to `destination`, as cp(1) has it: into a directory that is there, else to that name. */
export async function targetOf(destination: Buffer, name: Buffer): Promise<Target> {
  const there = await factsOf(destination, stat);
  if (there?.isDirectory() === true) {
    const path = name.length === 0 ? destination : below(destination, name);
    const inside = await factsOf(path, lstat);
    return { path, beside: inside?.isDirectory() === true ? path : destination, isDirectory: false };
  }
  const bare = Buffer.from(destination.toString("latin1").replace(/(?!^)\/+$/, ""), "latin1");
  const slash = bare.lastIndexOf("/");
  const parent = slash === -1 ? Buffer.from(".") : slash === 0 ? Buffer.from("/") : bare.subarray(0, slash);
  if ((await factsOf(parent, stat))?.isDirectory() !== true) throw noDirectory(parent);
  return { path: bare, beside: parent, isDirectory: bare.length < destination.length };
}

/** Moves a copy that is whole to its place; what can't stand where something else does is refused before anything is moved. */
export async function putInPlace(made: Buffer, { path, isDirectory }: Target): Promise<void> {
  if (isDirectory && !(await lstat(made)).isDirectory()) throw noDirectory(path);
  await mustFit(made, path);
  await move(made, path);
}

async function mustFit(made: Buffer, target: Buffer): Promise<void> {
  const [fresh, there] = [await lstat(made), await factsOf(target, lstat)];
  if (there === undefined) return;
  if (!fresh.isDirectory()) {
    if (there.isDirectory()) throw inTheWay(target, "is a directory");
    // Renaming over a device would take it away.
    if (!there.isFile() && !there.isSymbolicLink())
      throw inTheWay(target, "is no regular file; `-` writes to standard output");
    return;
  }
  if (!there.isDirectory())
    throw inTheWay(target, there.isSymbolicLink() ? "is a link, which is not followed" : "is no directory");
  // What is there keeps its mode; this one is emptied.
  await chmod(made, 0o700);
  for (const name of await readdir(made, { encoding: "buffer" })) await mustFit(below(made, name), below(target, name));
}

async function move(made: Buffer, target: Buffer): Promise<void> {
  const [fresh, there] = [await lstat(made), await factsOf(target, lstat)];
  if (there === undefined && fresh.isDirectory()) return onFile(target, () => moveDirectory(made, target, fresh.mode));
  if (!fresh.isDirectory()) return onFile(target, () => rename(made, target));
  for (const name of await readdir(made, { encoding: "buffer" })) await move(below(made, name), below(target, name));
}

/** A directory that comes to another parent has to be open to its owner, unless that is root. */
async function moveDirectory(made: Buffer, target: Buffer, mode: number): Promise<void> {
  const isClosed = (mode & 0o200) === 0;
  if (isClosed) await chmod(made, mode | 0o200);
  await rename(made, target);
  if (isClosed) await chmod(target, mode);
}

/** What is there; undefined for nothing. */
async function factsOf(path: Buffer, look: (path: Buffer) => Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await look(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    return onFile(path, () => Promise.reject(error as Error));
  }
}

function noDirectory(path: Buffer): BangerError {
  return new BangerError("not_found", `there is no directory ${shownPath(path)}`, {
    details: { hint: "Make it first; nothing was changed." },
  });
}

function inTheWay(path: Buffer, why: string): BangerError {
  return new BangerError("already_exists", `${shownPath(path)} ${why}`, {
    details: { hint: "Nothing was changed; name another place, or remove what is there." },
  });
}
