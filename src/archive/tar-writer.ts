/** A member of an archive that is written. */
export interface NewMember {
  readonly name: Buffer;
  /** `0` a file, `1` a hard link, `2` a link, `5` a directory. */
  readonly type: "0" | "1" | "2" | "5";
  /** Where a link leads. */
  readonly link?: Buffer;
  /** The permission bits. */
  readonly mode: number;
  /** Unix time, seconds. */
  readonly mtime: number;
  /** Bytes of data that follow, padded by `paddingOf`. */
  readonly size: number;
}

const block = 512;
const nameBytes = 100;

/** What ends an archive. */
export const tarEnd = Buffer.alloc(2 * block);

/** A member's header, as every tar reads it (GNU's format: a long name is a member before it); its owner is root. */
export function tarHeader({ name, type, link = Buffer.alloc(0), mode, mtime, size }: NewMember): Buffer {
  return Buffer.concat([
    ...longOf("L", name),
    ...longOf("K", link),
    header(name, type, link, { mode, mtime: Math.max(0, Math.floor(mtime)), size }),
  ]);
}

/** The zeros behind so many bytes of data. */
export function paddingOf(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block);
}

function longOf(type: "L" | "K", text: Buffer): Buffer[] {
  if (text.length <= nameBytes) return [];
  const data = Buffer.concat([text, Buffer.alloc(1)]);
  const facts = { mode: 0o644, mtime: 0, size: data.length };
  return [header(Buffer.from("././@LongLink"), type, Buffer.alloc(0), facts), data, paddingOf(data.length)];
}

type Facts = Pick<NewMember, "mode" | "mtime" | "size">;

function header(name: Buffer, type: string, link: Buffer, { mode, mtime, size }: Facts): Buffer {
  const bytes = Buffer.alloc(block);
  name.copy(bytes, 0, 0, nameBytes);
  write(bytes, 100, 8, mode & 0o7777);
  write(bytes, 108, 8, 0);
  write(bytes, 116, 8, 0);
  write(bytes, 124, 12, size);
  write(bytes, 136, 12, mtime);
  bytes.fill(" ", 148, 156);
  bytes.write(type, 156, "latin1");
  link.copy(bytes, 157, 0, nameBytes);
  bytes.write("ustar  \0", 257, "latin1");
  const sum = bytes.reduce((all, byte) => all + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

/** A number in octal digits, or in bytes where those are too few. */
function write(bytes: Buffer, at: number, length: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length < length) {
    bytes.write(`${digits.padStart(length - 1, "0")}\0`, at, "latin1");
    return;
  }
  let rest = value;
  for (let index = at + length - 1; index > at; index--) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[at] = 0x80;
}
