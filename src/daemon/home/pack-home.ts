import { type Stats, statSync } from "node:fs";
import { opendir, readlink } from "node:fs/promises";
import { paddingOf, tarEnd, tarHeader } from "../../archive/tar-writer.ts";
import { errnoName } from "../../rpc/errno-name.ts";
import { LeftOut, type Reason } from "./left-out.ts";
import { type Found, found, foundBelow, opened } from "./open-below.ts";

/** So much of a home is copied at once: bytes, files and directories, directories in each other. */
export const mostBytes = 16 * 1024 * 1024;
export const mostFiles = 4_096;
export const mostDepth = 32;

/** Something to pack. */
export interface PackEntry {
  /** Below the home; every component is a name. */
  readonly path: string;
  /** Where it belongs, below the guest user's home or absolute. */
  readonly to: string;
  /** What has such a place in the guest is left out. */
  readonly isOurs?: (place: string) => boolean;
}

/** What packing a home needs. */
export interface PackDeps {
  readonly home: string;
  readonly entries: readonly PackEntry[];
  /** Of each entry, what was left out. */
  readonly left: readonly LeftOut[];
  readonly room: Room;
  readonly uid?: number | undefined;
  /** Where banger itself has keys of the owner's: none of it is packed, by whatever name. */
  readonly keys?: string | undefined;
}

/** What of the limits is left. */
export interface Room {
  bytes: number;
  files: number;
}

/**
 * Entries of a home as an archive, the first one's tree called `0`. Whatever is opened is opened by its name in a directory that is
 * held, never through a link, and is read by that same descriptor: whoever exchanges names meanwhile leads nowhere. It always
 * ends as an archive does; what can't be read is left out.
 */
export async function* packHome(deps: PackDeps): AsyncGenerator<Buffer> {
  const keys = deps.keys === undefined ? undefined : statSync(deps.keys, { throwIfNoEntry: false });
  for (const [index, entry] of deps.entries.entries()) {
    const left = deps.left[index] ?? new LeftOut();
    try {
      yield* new Packer(deps, entry, left, keys).entry(Buffer.from(String(index)));
    } catch (error) {
      if (errnoName(error) === "") throw error;
      left.add("unreadable");
    }
  }
  yield tarEnd;
}

class Packer {
  readonly #entry: PackEntry;
  readonly #left: LeftOut;
  readonly #home: string;
  readonly #room: Room;
  readonly #uid: number | undefined;
  readonly #keys: Stats | undefined;

  constructor(
    { home, room, uid = process.getuid?.() }: PackDeps,
    entry: PackEntry,
    left: LeftOut,
    keys: Stats | undefined,
  ) {
    this.#keys = keys;
    this.#entry = entry;
    this.#left = left;
    this.#home = home;
    this.#room = room;
    this.#uid = uid;
  }

  async *entry(name: Buffer): AsyncGenerator<Buffer> {
    await using way = new AsyncDisposableStack();
    const home = await orRefusal(found(this.#home));
    if (typeof home === "string") return this.#left.add("home");
    way.use(home);
    // It may be shared, as /tmp is: what is below it has to be the owner's.
    if (!home.facts.isDirectory()) return this.#left.add("home");
    let at: Found = home;
    const names = this.#entry.path.split("/");
    for (const [index, part] of names.entries()) {
      const next: Found | Reason = await orRefusal(foundBelow(at, Buffer.from(part)));
      if (typeof next === "string") return this.#left.add(next);
      way.use(next);
      if (next.facts.isSymbolicLink()) return this.#left.add("link_on_the_way");
      if (this.#hasKeys(next)) return this.#left.add("keys");
      if (index < names.length - 1 && !(next.facts.isDirectory() && this.#isOwn(next))) {
        return this.#left.add("not_on_the_way");
      }
      at = next;
    }
    yield* this.#any(at, name, []);
  }

  /** `below`: its names below the entry. */
  async *#any(one: Found, name: Buffer, below: readonly Buffer[]): AsyncGenerator<Buffer> {
    const { facts } = one;
    if (!facts.isDirectory() && !facts.isFile()) return this.#left.add("no_file");
    if (!this.#isOwn(one)) return this.#left.add("foreign");
    if (this.#hasKeys(one)) return this.#left.add("keys");
    if (this.#entry.isOurs?.([this.#entry.to, ...below.map((part) => part.toString("latin1"))].join("/")) === true) {
      return this.#left.add("ours");
    }
    if (this.#room.files < 1) return this.#left.add("too_much");
    this.#room.files--;
    yield* facts.isDirectory() ? this.#directory(one, name, below) : this.#file(one, name);
  }

  async *#directory(directory: Found, name: Buffer, below: readonly Buffer[]): AsyncGenerator<Buffer> {
    if (below.length >= mostDepth) return this.#left.add("too_deep");
    const names = await orRefusal(namesIn(directory, this.#room.files + 1));
    if (typeof names === "string") return this.#left.add(names);
    yield tarHeader({ ...common(Buffer.concat([name, Buffer.from("/")]), directory), type: "5", size: 0 });
    for (const part of names) {
      const inside = await orRefusal(foundBelow(directory, part));
      // It is gone, as files go.
      if (inside === "missing") continue;
      if (typeof inside === "string") {
        this.#left.add(inside);
        continue;
      }
      await using one = inside;
      const place = Buffer.concat([name, Buffer.from("/"), part]);
      if (one.facts.isSymbolicLink()) yield* this.#link(directory, one, place, [...below, part]);
      else yield* this.#any(one, place, [...below, part]);
    }
  }

  /** A link is copied as one where it leads to something in its own tree, by the names that it says. */
  async *#link(directory: Found, one: Found, name: Buffer, below: readonly Buffer[]): AsyncGenerator<Buffer> {
    const part = below.at(-1) ?? Buffer.alloc(0);
    const path = Buffer.concat([Buffer.from(`${directory.path}/`), part]);
    const link = await orRefusal(readlink(path, { encoding: "buffer" }));
    if (typeof link === "string") return;
    if (!this.#isOwn(one)) return this.#left.add("foreign");
    if (!staysInside(link, below.length - 1)) return this.#left.add("link_outside");
    if (this.#room.files < 1) return this.#left.add("too_much");
    this.#room.files--;
    yield tarHeader({ ...common(name, one), type: "2", link, size: 0 });
  }

  /** It is read before it is begun: one that grows or shrinks meanwhile is what was read. */
  async *#file(file: Found, name: Buffer): AsyncGenerator<Buffer> {
    if (file.facts.size > this.#room.bytes) return this.#left.add("too_much");
    const bytes = await orRefusal(this.#bytesOf(file));
    if (typeof bytes === "string") return this.#left.add(bytes);
    this.#room.bytes -= bytes.length;
    yield tarHeader({ ...common(name, file), type: "0", size: bytes.length });
    if (bytes.length > 0) yield Buffer.concat([bytes, paddingOf(bytes.length)]);
  }

  async #bytesOf(file: Found): Promise<Buffer | "too_much"> {
    await using handle = await opened(file);
    const pieces: Buffer[] = [];
    for (let length = 0; ; ) {
      // One byte more than is known, so that one that has grown is noticed.
      const want = Math.min(1024 * 1024, Math.max(file.facts.size - length, 0) + 1);
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(want));
      if (bytesRead === 0) return Buffer.concat(pieces);
      length += bytesRead;
      if (length > this.#room.bytes) return "too_much";
      pieces.push(buffer.subarray(0, bytesRead));
    }
  }

  #isOwn({ facts }: Found): boolean {
    return facts.uid === this.#uid;
  }

  #hasKeys({ facts }: Found): boolean {
    return facts.dev === this.#keys?.dev && facts.ino === this.#keys.ino;
  }
}

/** A directory's names, each once, in order; no more than so many. */
async function namesIn({ path }: Found, most: number): Promise<Buffer[]> {
  const names = new Map<string, Buffer>();
  for await (const { name } of await opendir(path, { encoding: "buffer" as BufferEncoding })) {
    const bytes = name as unknown as Buffer;
    names.set(bytes.toString("latin1"), bytes);
    if (names.size >= most) break;
  }
  return [...names.values()].toSorted((a, b) => a.compare(b));
}

/** What a file system refuses as the reason why something is left out; what it refuses of the host is thrown. */
async function orRefusal<T>(work: Promise<T>): Promise<T | Reason> {
  try {
    return await work;
  } catch (error) {
    const code = errnoName(error);
    if (code === "ENOENT" || code === "EINVAL") return "missing";
    if (code === "ENOTDIR") return "not_on_the_way";
    if (code === "EACCES" || code === "EPERM" || code === "EAGAIN" || code === "ELOOP" || code === "EIO")
      return "unreadable";
    throw error;
  }
}

/** Whether a link so many directories below the entry leads to something that is in it. */
function staysInside(link: Buffer, depth: number): boolean {
  const text = link.toString("latin1");
  if (text.startsWith("/")) return false;
  let at = depth;
  for (const part of text.split("/")) {
    if (part === "..") at--;
    else if (part !== "" && part !== ".") at++;
    if (at < 0) return false;
  }
  return true;
}

function common(name: Buffer, { facts }: Found) {
  // Bits that set ids would give away the owner's rights, who is another there.
  return { name, mode: facts.mode & 0o777, mtime: facts.mtimeMs / 1000 };
}
