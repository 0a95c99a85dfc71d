import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from "node:fs";
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
    for (const [depth, part] of parts.entries()) {
      const reached = `/${parts.slice(0, depth + 1).join("/")}`;
      const next = open(path, reached, `/proc/self/fd/${directory}/${part}`, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      closeSync(directory);
      directory = next;
    }
    // Not blocking: a FIFO in the file's place must not hold the helper up.
    const flags = (access === "write" ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK;
    const fd = open(path, path, `/proc/self/fd/${directory}/${name}`, flags);
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

/** `reached` is what of the whole path `path` stands for. */
function open(whole: string, reached: string, path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new BangerError("not_found", `${whole} isn't there`, { cause });
    const link = linkTarget(path);
    if (link !== undefined) {
      throw new BangerError(
        "bad_content",
        `${whole} is not reached by directories alone: ${reached} is a symbolic link to ${link}; name what it leads to`,
        { cause },
      );
    }
    if (["ELOOP", "ENOTDIR", "ENXIO", "EISDIR"].includes(code)) {
      throw new BangerError("bad_content", `${reached} is no ${reached === whole ? "file" : "directory"} (${code})`, {
        cause,
      });
    }
    throw cause;
  }
}

/** Where a symbolic link leads; undefined for anything else, and for what is gone. */
function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
