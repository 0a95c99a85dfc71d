import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type Installation, parseInstallFile } from "./install-file.ts";
import { InstallFileError } from "./install-file-error.ts";

/** Where the install file is when nobody names another. */
const usualPath = "/etc/banger/install.toml";
/** An install file has less than a kibibyte; one beyond this is another file. */
const mostBytes = 64 * 1024;

/** How an install file is read. */
export interface ReadOptions {
  /** Not through a symbolic link: what is checked is then the file that root wrote. */
  readonly noLink?: boolean;
  /** How another file is named to who reads it. */
  readonly named?: string;
  /** Throws where a file isn't to be believed. */
  readonly check?: (stat: Stats) => void;
}

/** The install file that was named, by an option or else by the environment; an empty name is none. */
export function installPath(...named: readonly (string | undefined)[]): string {
  return named.find((path) => path !== undefined && path !== "") ?? usualPath;
}

/** Reads and checks an install file. Whatever is wrong with it is an InstallFileError that names the file. */
export function readInstallFile(path: string, options: ReadOptions = {}): Installation {
  try {
    return parseInstallFile(decode(readBytes(path, options)));
  } catch (cause) {
    if (cause instanceof InstallFileError) throw new InstallFileError(`${path}: ${cause.message}`, { cause });
    throw cause;
  }
}

function readBytes(path: string, { noLink = false, named = "--config or $BANGER_CONFIG", check }: ReadOptions): Buffer {
  const fd = open(path, noLink, named);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) {
      throw new InstallFileError(`is ${stat.isDirectory() ? "a directory" : "no regular file"}; name the file itself`);
    }
    check?.(stat);
    const bytes = Buffer.alloc(mostBytes + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got) {
      got = readSync(fd, bytes, length, bytes.length - length, null);
    }
    if (length > mostBytes) {
      throw new InstallFileError(`is larger than ${mostBytes} bytes, so it is no install file; name another`);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

function open(path: string, noLink: boolean, named: string): number {
  try {
    // Not blocking: a FIFO without a writer must not hold its reader up.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (noLink ? constants.O_NOFOLLOW : 0));
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw new InstallFileError(`${missing} ${named}`, { cause });
    throw new InstallFileError(reasons[code] ?? `can't be opened (${code})`, { cause });
  }
}

const missing = "there is no such file; write one (deploy/install.toml is an example), or name yours with";
const reasons: Readonly<Record<string, string>> = {
  ELOOP: "is a symbolic link; name what it leads to",
  EACCES: "can't be read by this user; make it readable (`chmod a+r`), its directories too",
  ENXIO: "is no regular file; name the file itself",
};

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new InstallFileError("is not UTF-8 text; save it as that", { cause });
  }
}
