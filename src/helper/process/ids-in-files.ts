import { closeSync, constants, fstatSync, readdirSync } from "node:fs";
import { openDirectory } from "../files/safe-directory.ts";
import { KernelError, type Libc } from "../kernel/libc.ts";
import { BangerError } from "../../rpc/contract/errors.ts";

const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** What banger makes lies no deeper, and is no more than this: an owner who adds to it makes nobody wait. */
const deepest = 3;
const most = 20_000;

/** Every uid and gid that files below these directories have. Nothing is followed: no link, no other file system. */
export function idsInFiles(libc: Libc, directories: readonly string[]): Set<number> {
  const ids = new Set<number>();
  let left = most;
  const look = (fd: number, depth: number) => {
    const names = readdirSync(`/proc/self/fd/${fd}`).slice(0, left);
    left -= names.length;
    for (const name of names) {
      const found = open(libc, fd, name, O_PATH | O_NOFOLLOW);
      if (found === undefined) continue;
      try {
        const stat = fstatSync(found);
        ids.add(stat.uid).add(stat.gid);
        if (stat.isDirectory() && depth < deepest) into(libc, fd, name, (below) => look(below, depth + 1));
      } finally {
        closeSync(found);
      }
    }
  };
  for (const directory of directories) {
    const top = openTop(libc, directory);
    if (top === undefined) continue;
    try {
      into(libc, top, ".", (fd) => look(fd, 1));
    } finally {
      closeSync(top);
    }
  }
  return ids;
}

function into(libc: Libc, fd: number, name: string, look: (fd: number) => void): void {
  const directory = open(libc, fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (directory === undefined) return;
  try {
    look(directory);
  } finally {
    closeSync(directory);
  }
}

/** A directory that isn't there, or isn't one that root may rely on, has no file of a VMM's. */
function openTop(libc: Libc, directory: string): number | undefined {
  try {
    return openDirectory(libc, directory);
  } catch (error) {
    if (error instanceof BangerError) return undefined;
    throw error;
  }
}

function open(libc: Libc, fd: number, name: string, flags: number): number | undefined {
  try {
    return libc.openBelow(fd, name, flags);
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}
