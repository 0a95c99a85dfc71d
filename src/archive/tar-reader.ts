/** A member of a tar archive, as its header and what extends that say. Names are Latin-1, a character for a byte. */
export interface TarMember {
  readonly name: string;
  /** The header's type letter: `0` a file, `1` a hard link, `2` a link, `3` and `4` devices, `5` a directory, `6` a FIFO. */
  readonly type: string;
  readonly link: string;
  /** The permission bits, those that set ids and the sticky one. */
  readonly mode: number;
  /** Unix time, seconds. */
  readonly mtime: number;
  /** Bytes that are stored. */
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  /** True where it has access control lists. */
  readonly acl: boolean;
  /** True where it has capabilities, or other attributes of `security`. */
  readonly security: boolean;
}

/** Where an archive's bytes come from. */
export interface ByteSource {
  /** The next bytes, fewer only at the end. */
  read(length: number): Promise<Buffer>;
  /** Passes over bytes; false when there are not so many. */
  skip(length: number): Promise<boolean>;
}

/** How an archive ended; `joined` is complete, with another behind its end. */
export type TarEnd = "complete" | "joined" | "truncated" | "no header";

const block = 512;
/** What extends a header (a long name, extended attributes) is small; more is an attack. */
const mostExtension = 4 * 1024 * 1024;
/** Before a member there is one of each kind, or a few where archives were joined; more is an attack. */
const mostExtensions = 16;
/** What is read of a PAX header; whatever else it says isn't kept. */
const keysRead = new Set([
  "size",
  "path",
  "linkpath",
  "mtime",
  "uid",
  "gid",
  "GNU.sparse.name",
  "SCHILY.acl.access",
  "SCHILY.acl.default",
]);
/** How the keys of `security`'s attributes begin, which are kept as one. */
const securityKeys = "SCHILY.xattr.security.";
/** No record's length has more digits. */
const mostDigits = 10;

/** Takes a member. It may read its data, `size` bytes of them, while its promise is awaited; what it leaves is passed over. */
export type OnMember = (member: TarMember, data: Pick<ByteSource, "read">) => void | Promise<void>;

/** Tells each member, in order. Blocks of zeros end an archive, another may follow. */
export async function readTar(source: ByteSource, onMember: OnMember): Promise<TarEnd> {
  let more: Record<string, string> = {};
  let globals: Record<string, string> = {};
  let complete: TarEnd = "complete";
  for (let zeros = 0, extensions = 0; ; ) {
    const header = await source.read(block);
    if (header.length < block) return zeros > 0 ? complete : "truncated";
    if (header.every((byte) => byte === 0)) {
      zeros++;
      continue;
    }
    if (!hasTarHeader(header)) return zeros > 0 ? complete : "no header";
    if (zeros > 0) complete = "joined";
    zeros = 0;
    const type = header[156] === 0 ? "0" : String.fromCharCode(header[156] ?? 48);
    const size = Number(more["size"] ?? globals["size"] ?? number(header, 124, 12));
    if (!Number.isSafeInteger(size) || size < 0) return "no header";
    const padded = hasData(type) ? Math.ceil(size / block) * block : 0;
    if ("xgLK".includes(type)) {
      if (size > mostExtension || ++extensions > mostExtensions) return "no header";
      const bytes = await source.read(padded);
      if (bytes.length < padded) return "truncated";
      const value = bytes.toString("latin1", 0, size);
      if (type === "g") globals = { ...globals, ...records(value) };
      else if (type === "x") more = { ...more, ...records(value) };
      else more[type === "L" ? "path" : "linkpath"] = text(value);
      continue;
    }
    const said = { ...globals, ...more };
    more = {};
    extensions = 0;
    const member = {
      name: said["GNU.sparse.name"] ?? said["path"] ?? nameOf(header),
      type,
      link: said["linkpath"] ?? text(header.toString("latin1", 157, 257)),
      mode: number(header, 100, 8) & 0o7777,
      mtime: Number(said["mtime"] ?? number(header, 136, 12)),
      size: padded === 0 ? 0 : size,
      uid: Number(said["uid"] ?? number(header, 108, 8)),
      gid: Number(said["gid"] ?? number(header, 116, 8)),
      security: said[securityKeys] !== undefined,
      acl: said["SCHILY.acl.access"] !== undefined || said["SCHILY.acl.default"] !== undefined,
    };
    const data = new MemberData(source, member.size);
    const taking = onMember(member, data);
    if (taking !== undefined) await taking;
    // An old sparse map that goes on in blocks of its own, before the data.
    if (type === "S") {
      for (let goesOn = header[482] === 1; goesOn; ) {
        const map = await source.read(block);
        if (map.length < block) return "truncated";
        goesOn = map[504] === 1;
      }
    }
    if (!(await source.skip(padded - data.taken))) return "truncated";
  }
}

/** What of a source is a member's data. */
class MemberData {
  /** Bytes that were read. */
  taken = 0;
  readonly #source: ByteSource;
  readonly #size: number;

  constructor(source: ByteSource, size: number) {
    this.#source = source;
    this.#size = size;
  }

  async read(length: number): Promise<Buffer> {
    const bytes = await this.#source.read(Math.min(length, this.#size - this.taken));
    this.taken += bytes.length;
    return bytes;
  }
}

/** Links, devices, directories and FIFOs have none, whatever their size says. */
function hasData(type: string): boolean {
  return !"123456".includes(type);
}

function nameOf(header: Buffer): string {
  const name = text(header.toString("latin1", 0, 100));
  const prefix = header.toString("latin1", 257, 263) === "ustar\0" ? text(header.toString("latin1", 345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function text(value: string): string {
  const end = value.indexOf("\0");
  return end < 0 ? value : value.slice(0, end);
}

/** A number in octal digits, or (GNU, its first bit set) in bytes. */
function number(header: Buffer, at: number, length: number): number {
  const first = header[at] ?? 0;
  if (first < 0x80) return Number.parseInt(text(header.toString("latin1", at, at + length)).trim() || "0", 8);
  if (first === 0xff) return -1;
  let value = first & 0x7f;
  for (const byte of header.subarray(at + 1, at + length)) value = value * 256 + byte;
  return value;
}

/** Those records of a PAX header that are read: `LENGTH KEY=VALUE` and a newline, the length that of the whole record. */
function records(bytes: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(" ", at);
    if (blank < 0 || blank - at > mostDigits) return found;
    const length = Number(bytes.slice(at, blank));
    if (!Number.isInteger(length) || length <= 0) return found;
    const record = bytes.slice(blank + 1, at + length - 1);
    const equals = record.indexOf("=");
    const key = record.slice(0, Math.max(equals, 0));
    if (key.startsWith(securityKeys)) found[securityKeys] = "";
    else if (keysRead.has(key)) found[key] = record.slice(equals + 1);
    at += length;
  }
  return found;
}

/** True where the bytes begin with a tar header: its checksum is of all its bytes, with blanks in the checksum's place. */
export function hasTarHeader(bytes: Buffer): boolean {
  if (bytes.length < 512 || bytes[0] === 0) return false;
  let sum = 8 * 32;
  for (let at = 0; at < 512; at++) if (at < 148 || at >= 156) sum += bytes[at] ?? 0;
  return Number.parseInt(bytes.toString("latin1", 148, 156).replaceAll("\0", " ").trim(), 8) === sum;
}
