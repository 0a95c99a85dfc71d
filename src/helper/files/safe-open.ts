import { closeSync, constants, fstatSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Libc } from "../kernel/libc.ts";
import { openDirectory, refusal } from "./safe-directory.ts";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/**
 * Opens a file that the owner gave, or refuses it: each component of the path is opened below the one before, never
 * through a link, and the file must be a regular one, the owner's, with no second name. What was checked is what is
 * used, because the descriptor is what is passed on.
 */
export function openOwnersFile(libc: Libc, path: string, ownerUid: number, access: "read" | "write"): number {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const directory = openDirectory(libc, path.slice(0, slash), path);
  try {
    // Not blocking: a FIFO in the file's place, or another process's lease on it, must not hold the helper up.
    const flags = (access === "write" ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK;
    const fd = open(libc, directory, name, flags, path);
    const stat = fstatSync(fd);
    const wrong = !stat.isFile()
      ? "is not a regular file"
      : stat.uid !== ownerUid
        ? `belongs to uid ${stat.uid}, not to the owner`
        : stat.nlink !== 1
          ? "has a second name"
          : undefined;
    if (wrong === undefined) return fd;
    closeSync(fd);
    throw new BangerError("bad_content", `${path} ${wrong}`);
  } finally {
    closeSync(directory);
  }
}

function open(libc: Libc, directory: number, name: string, flags: number, whole: string): number {
  try {
    return libc.openBelow(directory, name, flags);
  } catch (error) {
    throw refusal(directory, name, { whole, reached: whole }, error);
  }
}
