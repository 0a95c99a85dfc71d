import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { errnoName } from "../../rpc/errno-name.ts";
import { ConfigError } from "./config-error.ts";

/** A config file has a few hundred bytes; one beyond this, in either way, is another file. */
const mostBytes = 64 * 1024;
const mostLines = 2_000;

/** The text of a config file; undefined where there is none. A link is followed: many keep such files elsewhere. */
export function readText(path: string, uid = process.getuid?.()): string | undefined {
  const fd = open(path);
  if (fd === undefined) return undefined;
  try {
    const stat = fstatSync(fd);
    check(stat, uid);
    return decode(readBytes(fd));
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number | undefined {
  try {
    // Not blocking: a FIFO without a writer must not hold the daemon up.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = errnoName(cause);
    if (code === "ENOENT") return undefined;
    // That says something of the host, and nothing of the file.
    if (ofHost.has(code)) throw cause;
    throw wrong(reasons[code] ?? `can't be opened (${code})`, cause);
  }
}

const ofHost: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM", "EIO"]);
const reasons: Readonly<Record<string, string>> = {
  EACCES: "can't be read by the owner; `chmod u+r` it, and make its directories enterable",
  ELOOP: "is a symbolic link to itself; make it a file",
  ENOTDIR: "lies below what is no directory; move that away",
  ENXIO: "is no regular file; move it away",
};

/** What somebody else can write says nothing of what the owner wants. */
function check(stat: Stats, uid: number | undefined): void {
  if (stat.isDirectory()) throw wrong("is a directory; move it away");
  if (!stat.isFile()) throw wrong("is no regular file; move it away");
  if (stat.uid !== uid && stat.uid !== 0) throw wrong(`belongs to uid ${stat.uid}; \`chown\` it to the owner`);
  if ((stat.mode & 0o002) !== 0) throw wrong("can be written by everybody; `chmod o-w` it");
}

function readBytes(fd: number): Buffer {
  const bytes = Buffer.alloc(mostBytes + 1);
  let length = 0;
  for (let got = -1; got !== 0 && length < bytes.length; length += got) {
    got = readSync(fd, bytes, length, bytes.length - length, null);
  }
  if (length > mostBytes) throw wrong(`is larger than ${mostBytes} bytes, so it is no config file; move it away`);
  return bytes.subarray(0, length);
}

function decode(bytes: Buffer): string {
  let text: string;
  try {
    // A byte order mark at its beginning, which some editors write, says nothing more.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw wrong("is not UTF-8 text; save it as that", cause);
  }
  if (text.split("\n").length > mostLines) {
    throw wrong(`has more than ${mostLines} lines, so it is no config file; move it away`);
  }
  return text;
}

function wrong(text: string, cause?: unknown): ConfigError {
  return new ConfigError([{ text }], cause);
}
