import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Identity } from "./as-owner.ts";
import { isThere } from "./durable-file.ts";
import { mustRun, type Run } from "./run-program.ts";

/**
 * Removes a directory that may be the owner's, with all that is in it. Where somebody who isn't root could exchange a part of the path
 * meanwhile, it is done with the owner's rights, which remove nothing but what he could.
 */
export async function removeWithin(run: Run, path: string, { ownerUid, ownerGid }: Identity): Promise<void> {
  if (!isThere(path)) return;
  // What is mounted there was no doing of banger's: it is emptied, and stays mounted.
  const [program, args] = isMountPoint(path)
    ? (["/usr/bin/find", [path, "-xdev", "-mindepth", "1", "-delete"]] as const)
    : (["/usr/bin/rm", ["--recursive", "--force", "--one-file-system", "--", path]] as const);
  if (isRoots(dirname(path))) return void (await mustRun(run, program, args));
  const identity = [`--reuid=${ownerUid}`, `--regid=${ownerGid}`, "--clear-groups"];
  await mustRun(run, "/usr/bin/setpriv", [...identity, "--", program, ...args]);
}

/** A file system of its own begins there. */
function isMountPoint(path: string): boolean {
  const { dev } = lstatSync(path);
  return dev !== lstatSync(dirname(path)).dev;
}

/** True where nobody but root can exchange a part of the path, nor of where a link of root's in it leads. */
export function isRoots(path: string): boolean {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return stat.uid === 0 && isRoots(dirname(path)) && isRoots(realpathSync(path));
  const others = (stat.mode & 0o022) !== 0 && (stat.mode & 0o1000) === 0;
  return stat.uid === 0 && !others && (path === "/" || isRoots(dirname(path)));
}

/** How much a directory holds, for a person: as `du` says it, or nothing where that takes too long. */
export async function sizeOf(run: Run, path: string): Promise<string> {
  const asked = run("/usr/bin/du", ["--summarize", "--human-readable", "--one-file-system", "--", path]);
  const answer = await Promise.race([asked, wait(10_000)]);
  return answer === undefined ? "size not known" : (answer.stdout.split("\t")[0] ?? "");
}
