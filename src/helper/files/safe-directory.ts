import { closeSync, constants, lstatSync, openSync, readFileSync, readlinkSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { KernelError, type Libc } from "../kernel/libc.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_PATH } = { O_PATH: 0o10000000, ...constants };
const EXDEV = 18;
/** File systems that a process or another host answers for: whoever has such a one may let a caller wait for ever. */
const answeredElsewhere = /^(fuse|fuseblk|fuse\..*|nfs4?|cifs|smb3|9p|afs|ceph|coda|autofs)$/;

/**
 * Opens a directory component by component, each below the one before, never through a link, and never into a file
 * system that could hold the helper up. A mount is entered without a word to it: its type is the kernel's to say.
 */
export function openDirectory(libc: Libc, path: string, whole = path): number {
  const parts = path.split("/").slice(1);
  let directory = openSync("/", O_PATH | O_DIRECTORY);
  try {
    for (const [depth, part] of parts.entries()) {
      const next = enter(libc, directory, part, { whole, reached: `/${parts.slice(0, depth + 1).join("/")}` });
      closeSync(directory);
      directory = next;
    }
    return directory;
  } catch (error) {
    closeSync(directory);
    throw error;
  }
}

/** What is opened, for words: the whole path, and what of it was reached. */
export interface Way {
  readonly whole: string;
  readonly reached: string;
}

function enter(libc: Libc, directory: number, part: string, way: Way): number {
  try {
    return libc.openBelow(directory, part, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === EXDEV)) throw refusal(directory, part, way, error);
  }
  const below = `/proc/self/fd/${directory}/${part}`;
  let fd: number;
  try {
    fd = openSync(below, O_PATH | O_NOFOLLOW);
  } catch (error) {
    throw refusal(directory, part, way, error);
  }
  try {
    const type = fileSystemOf(fd);
    if (!answeredElsewhere.test(type)) return fd;
    throw held(way, type);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The type of the file system that a descriptor lies on, from the kernel's own list. */
function fileSystemOf(fd: number): string {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${id} `));
  return line?.split(" - ")[1]?.split(" ")[0] ?? "unknown";
}

function held({ whole, reached }: Way, type: string): BangerError {
  return new BangerError(
    "bad_content",
    `${whole} is not used: ${reached} is a mount of type ${type}, whose server could hold the helper up; move it to a local file system`,
  );
}

/** Why a component can't be opened, in words that name it. */
export function refusal(directory: number, part: string, { whole, reached }: Way, cause: unknown): BangerError {
  const code = codeOf(cause);
  if (code === "ENOENT") return new BangerError("not_found", `${whole} isn't there`, { cause });
  // What is mounted there may answer nobody: it isn't looked at.
  if (code === "EXDEV") {
    return new BangerError("bad_content", `${whole} is not used: ${reached} is a mount of its own; unmount it`, {
      cause,
    });
  }
  const link = linkTarget(`/proc/self/fd/${directory}/${part}`);
  if (link !== undefined) {
    return new BangerError(
      "bad_content",
      `${whole} is not reached by directories alone: ${reached} is a symbolic link to ${link}; name what it leads to`,
      { cause },
    );
  }
  if (code === "EMFILE" || code === "ENFILE" || code === "ENOMEM") {
    return new BangerError(
      "command_failed",
      `${reached} can't be opened: the host is out of descriptors or memory (${code}); stop a VM`,
      { cause },
    );
  }
  const what = words[code];
  return new BangerError(
    "bad_content",
    what === undefined
      ? `${reached} is no ${reached === whole ? "file" : "directory"} that can be used (${code})`
      : `${reached} can't be opened: ${what} (${code})`,
    { cause },
  );
}

const words: Readonly<Record<string, string>> = {
  EAGAIN: "a process holds a lease on it; end that process",
  ETXTBSY: "a process runs it as a program; end that process",
  EROFS: "its file system is read-only; mount it writable",
  EPERM: "it may not be written, perhaps it is immutable; chattr -i it",
  EACCES: "root is not let in",
  EIO: "its disk fails",
};

function codeOf(error: unknown): string {
  if (error instanceof KernelError) return error.code;
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}

/** Where a symbolic link leads; undefined for anything else, and for what is gone. */
function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
