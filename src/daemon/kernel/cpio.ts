/** One file or directory of an archive; a directory has no content. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  readonly mode: number;
  readonly content?: Buffer;
}

const directoryType = 0o040000;
const fileType = 0o100000;
/** The kernel wants an archive that follows another one to begin at a multiple of 4; whole blocks are cpio's own habit. */
const block = 512;

/** An uncompressed archive in the form that the kernel unpacks (newc: Documentation/driver-api/early-userspace/buffer-format.rst). The same entries give the same bytes. */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts = [
    ...entries.flatMap((entry, index) => member(entry, index + 1)),
    ...member({ path: "TRAILER!!!", mode: 0 }, 0),
  ];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([...parts, Buffer.alloc((block - (length % block)) % block)]);
}

function member({ path, mode, content }: CpioEntry, inode: number): Buffer[] {
  const type = inode === 0 ? 0 : content === undefined ? directoryType : fileType;
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, type | mode, 0, 0, 1, 0, content?.length ?? 0, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [padded(Buffer.concat([header, name])), ...(content === undefined ? [] : [padded(content)])];
}

function padded(bytes: Buffer): Buffer {
  const lack = (4 - (bytes.length % 4)) % 4;
  return lack === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(lack)]);
}
