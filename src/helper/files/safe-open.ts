import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR } = { O_PATH: 0o10000000, ...constants };

/**
 * Opens a file that the owner gave, or refuses it: each component of the path is opened below the one before, never
 * through a link, and the file must be a regular one, the owner's, with no second name. What was checked is what is
 * used, because the descriptor is what is passed on.
 */
export function openOwnersFile(path: string, ownerUid: number, access: "read" | "write"): number {
  const parts = path.split("/").slice(1);
  const name = parts.pop() ?? "";
  let directory = openSync("/", O_PATH | O_DIRECTORY);
  try {
    for (const part of parts) {
      const next = open(path, `/proc/self/fd/${directory}/${part}`, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      closeSync(directory);
      directory = next;
    }
    // Not blocking: a FIFO in the file's place must not hold the helper up.
    const flags = (access === "write" ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK;
    const fd = open(path, `/proc/self/fd/${directory}/${name}`, flags);
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

function open(whole: string, path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new BangerError("not_found", `${whole} isn't there`, { cause });
    if (["ELOOP", "ENOTDIR", "ENXIO", "EISDIR"].includes(code)) {
      throw new BangerError("bad_content", `${whole} is not reached by directories alone, or is no file (${code})`, {
        cause,
      });
    }
    throw cause;
  }
}
