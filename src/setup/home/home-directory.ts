import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { isThere } from "../host/durable-file.ts";

/** What of a home is banger's, and the directories above that, innermost first. */
const levels = [".local/state/banger", ".local/state", ".local"] as const;
const [own, ...above] = levels;
/** In it: those of the directories above it, one a line, that weren't there before it was made. */
const madeWith = ".made-with";
/** Where it is made, and removed: in its place all of it is there or nothing, whenever somebody is killed. */
const draftOf = (path: string) => `${path}.banger-new`;
/** Opens a directory for a file without a name (open(2)); Node doesn't have it. */
const O_TMPFILE = 0o20_000_000 | constants.O_DIRECTORY;

// All of this is done with the owner's rights.

/** In a home, the directory in which each installation has one of its own for the SSH key and known_hosts. */
export function directoryIn(home: string): string {
  return join(home, own);
}

/** Whether it is there. */
export function isInHome(home: string): boolean {
  return isReached(directoryIn(home));
}

/** Why it couldn't be made; undefined where nothing speaks against that. It is tried with what leaves no trace. */
export function whyNotMadeIn(home: string): string | undefined {
  const outermost = missingIn(home).at(-1);
  if (outermost === undefined) return undefined;
  try {
    closeSync(openSync(dirname(join(home, outermost)), O_TMPFILE | constants.O_WRONLY, 0o600));
    return undefined;
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    // Not every file system has such files; each looks at the rights first.
    return ["ENOTSUP", "EISDIR", "EINVAL"].includes(code) ? undefined : message;
  }
}

/** Makes it, with those above it that aren't there. */
export function makeIn(home: string): void {
  const missing = missingIn(home);
  const outermost = missing.at(-1);
  if (outermost === undefined) return;
  removeDrafts(home);
  const draft = draftOf(join(home, outermost));
  const path = join(draft, relative(outermost, own));
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const made = missing.slice(1).map((level) => `${level}\n`);
    if (made.length > 0) writeFileSync(join(path, madeWith), made.join(""), { mode: 0o600 });
    renameSync(draft, join(home, outermost));
  } catch (error) {
    removeDrafts(home);
    throw error;
  }
}

/** Whether no installation has anything in it any more. */
export function isLeftIn(home: string): boolean {
  try {
    return readdirSync(directoryIn(home)).every((name) => name === madeWith);
  } catch {
    return false;
  }
}

/** Removes it, where nothing is left in it, with those above it that were made for it and have nothing else in them. */
export function removeFrom(home: string): void {
  removeDrafts(home);
  if (!isLeftIn(home)) return;
  const outermost = join(home, bareAbove(home).at(-1) ?? own);
  renameSync(outermost, draftOf(outermost));
  removeDrafts(home);
}

/** What whoever was killed has left of making or removing it. */
export function draftsIn(home: string): string[] {
  return levels.map((level) => draftOf(join(home, level))).filter(isReached);
}

/** Removes that: directories in which nothing is. What somebody else has put there stays. */
export function removeDrafts(home: string): void {
  for (const [index, outermost] of levels.entries()) {
    const draft = draftOf(join(home, outermost));
    if (!isReached(draft)) continue;
    rmSync(join(draft, relative(outermost, own), madeWith), { force: true });
    for (const level of levels.slice(0, index + 1)) removeIfBare(join(draft, relative(outermost, level)));
  }
}

/** Removes all that a daemon has put into it. */
export function emptyIn(home: string): void {
  const path = directoryIn(home);
  for (const name of readdirSync(path))
    if (name !== madeWith) rmSync(join(path, name), { recursive: true, force: true });
}

function missingIn(home: string): (typeof levels)[number][] {
  return levels.filter((level) => !isReached(join(home, level)));
}

/** Whether it is there for the owner: what he can't reach, isn't his to make. */
function isReached(path: string): boolean {
  return isThere(path, false);
}

/** Those above it, innermost first, that were made for it and have nothing else in them. */
function bareAbove(home: string): readonly string[] {
  const made = madeAbove(home);
  const end = above.findIndex((level) => !made.has(level) || readdirSync(join(home, level)).length > 1);
  return end === -1 ? above : above.slice(0, end);
}

function madeAbove(home: string): ReadonlySet<string> {
  try {
    return new Set(readFileSync(join(directoryIn(home), madeWith), "utf8").split("\n"));
  } catch {
    // All were there before.
    return new Set();
  }
}

/** Removes a directory that has nothing in it; a link is left. */
function removeIfBare(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Something is in it.
  }
}
