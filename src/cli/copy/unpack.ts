import { constants } from "node:fs";
import { chmod, type FileHandle, link, lstat, lutimes, mkdir, open, symlink } from "node:fs/promises";
import { streamBytes } from "../../archive/byte-source.ts";
import { type OnMember, readTar, type TarMember } from "../../archive/tar-reader.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { textOfBytes } from "../../rpc/byte-text.ts";
import { below, onFile } from "./local-path.ts";
import { keptMode } from "./pack.ts";
import type { CopyTally } from "./tally.ts";

/** Where an archive is unpacked. */
export interface UnpackOptions {
  /** A directory that is empty and that nobody else can write to; what the archive holds becomes `t` in it. */
  readonly scratch: Buffer;
  /** Bits that no file gets (umask(2)). */
  readonly umask: number;
  readonly tally: CopyTally;
}

type Data = Parameters<OnMember>[1];

const pieceBytes = 65_536;
/** Directories that can't be written to get their modes when all is there; so many are remembered. */
const mostClosed = 100_000;
const emptied = Buffer.alloc(pieceBytes);

/**
 * Unpacks an archive that a hostile guest may have made. Nothing is written through a link, over anything, or outside `t`: each
 * member's directory has to be one that this archive made before, each name a new one, and what tar wouldn't give is refused.
 */
export async function unpack(archive: AsyncIterable<Buffer>, options: UnpackOptions): Promise<void> {
  const unpacker = new Unpacker(options);
  const end = await readTar(streamBytes(archive), (member, data) => unpacker.take(member, data));
  if (end === "truncated") throw broken("ends in the middle");
  if (end !== "complete") throw broken("is no archive");
  await unpacker.finish();
}

class Unpacker {
  readonly #options: UnpackOptions;
  readonly #top: Buffer;
  readonly #closed: { readonly path: Buffer; readonly mode: number }[] = [];
  #kind: "nothing" | "file" | "tree" = "nothing";
  /** The directory that was last seen to be one; none becomes anything else. */
  #seen = "";

  constructor(options: UnpackOptions) {
    this.#options = options;
    this.#top = below(options.scratch, Buffer.from("t"));
  }

  async take(member: TarMember, data: Data): Promise<void> {
    if (member.type === "V") return;
    const parts = partsOf(member.name);
    if (this.#kind === "nothing") this.#kind = member.type === "5" && parts.length === 0 ? "tree" : "file";
    else if (this.#kind === "file") throw broken("has more than the file that was asked for");
    else if (parts.length === 0) throw broken("has its top twice");
    if (this.#kind === "file" && (parts.length !== 1 || !isFile(member))) throw notCopied(member);
    const path = this.#kind === "file" ? this.#top : this.#pathOf(parts);
    if (this.#kind === "tree" && parts.length > 0) await this.#mustBeDirectory(parts.slice(0, -1));
    await onFile(path, () => this.#make(path, member, data));
  }

  /** Gives the directories their modes that had to be open until now. */
  async finish(): Promise<void> {
    if (this.#kind === "nothing") throw broken("is empty");
    for (const { path, mode } of this.#closed.toReversed()) await onFile(path, () => chmod(path, mode));
  }

  async #make(path: Buffer, member: TarMember, data: Data): Promise<void> {
    const { tally } = this.#options;
    switch (member.type) {
      case "5":
        return this.#directory(path, member);
      case "0":
      case "7":
        await this.#file(path, member, data);
        break;
      case "1": {
        const parts = partsOf(member.link);
        await this.#mustBeDirectory(parts.slice(0, -1));
        const first = this.#pathOf(parts);
        if ((await kindAt(first)) === "directory")
          throw broken(`has a second name for a directory, ${shown(member.name)}`);
        await made(member, () => link(first, path));
        break;
      }
      case "2":
        if (member.link === "") throw broken(`has a link that leads nowhere, ${shown(member.name)}`);
        await made(member, () => symlink(Buffer.from(member.link, "latin1"), path));
        if (Number.isFinite(member.mtime)) await lutimes(path, member.mtime, member.mtime);
        break;
      case "3":
      case "4":
      case "6":
        tally.skip(`${shown(member.name)} (${member.type === "6" ? "a FIFO" : "a device"})`);
        return;
      default:
        throw broken(`has a member of a kind that is not copied, ${shown(member.name)}`);
    }
    tally.files++;
  }

  async #directory(path: Buffer, member: TarMember): Promise<void> {
    const mode = this.#modeOf(member);
    await made(member, () => mkdir(path, { mode: 0o700 }));
    await chmod(path, mode | 0o700);
    if ((mode & 0o700) === 0o700) return;
    if (this.#closed.length === mostClosed)
      throw broken(`has more than ${mostClosed} directories that are closed to their owner`);
    this.#closed.push({ path, mode });
  }

  async #file(path: Buffer, member: TarMember, data: Data): Promise<void> {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    const file = await made(member, () => open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600));
    try {
      await this.#write(file, member, data);
      await file.chmod(this.#modeOf(member));
      if (Number.isFinite(member.mtime)) await file.utimes(member.mtime, member.mtime);
    } finally {
      await file.close();
    }
  }

  /** Writes what isn't zeros: the rest is a hole. */
  async #write(file: FileHandle, member: TarMember, data: Data): Promise<void> {
    let at = 0;
    while (at < member.size) {
      const piece = await data.read(Math.min(pieceBytes, member.size - at));
      if (piece.length === 0) throw broken("ends in the middle");
      if (!piece.equals(emptied.subarray(0, piece.length))) await writeAll(file, piece, at);
      at += piece.length;
      this.#options.tally.bytes += piece.length;
    }
    await file.truncate(member.size);
  }

  async #mustBeDirectory(parts: readonly Buffer[]): Promise<void> {
    const path = this.#pathOf(parts);
    const name = path.toString("latin1");
    if (name === this.#seen) return;
    for (let depth = 0; depth <= parts.length; depth++) {
      if ((await kindAt(this.#pathOf(parts.slice(0, depth)))) === "directory") continue;
      throw broken(
        `has something below what is no directory, ${textOfBytes(Buffer.concat(parts.flatMap((part) => [Buffer.from("/"), part])))}`,
      );
    }
    this.#seen = name;
  }

  #pathOf(parts: readonly Buffer[]): Buffer {
    return parts.reduce(below, this.#top);
  }

  #modeOf({ mode }: TarMember): number {
    return mode & keptMode & ~this.#options.umask;
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}

/** The names of a path in an archive; refuses one that leads out of it. */
function partsOf(name: string): Buffer[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (name.startsWith("/") || parts.includes("..")) throw broken(`has a path that leads out of it, ${shown(name)}`);
  return parts.map((part) => Buffer.from(part, "latin1"));
}

function isFile({ type }: TarMember): boolean {
  return type === "0" || type === "7";
}

async function kindAt(path: Buffer): Promise<"directory" | "other" | "nothing"> {
  try {
    return (await lstat(path)).isDirectory() ? "directory" : "other";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ENOTDIR")
      return "nothing";
    throw error;
  }
}

/** Makes something of a name that has to be new. */
async function made<T>(member: TarMember, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw broken(`has ${shown(member.name)} twice`);
  }
}

function notCopied({ name, type }: TarMember): BangerError {
  const kind = { "3": "a device", "4": "a device", "6": "a FIFO" }[type];
  if (kind === undefined) return broken("begins with something else than what was asked for");
  return new BangerError("bad_content", `${shown(name)} in the guest is ${kind}, which can't be copied`, {
    details: { hint: "`banger vm exec` can read it: `cat` there." },
  });
}

function broken(why: string): BangerError {
  return new BangerError("bad_content", `what the guest sent ${why}; nothing of it is kept`, {
    details: { hint: "A tar that is what it should be sends no such thing: mistrust that guest." },
  });
}

function shown(name: string): string {
  return JSON.stringify(textOfBytes(Buffer.from(name.slice(0, 200), "latin1")));
}
