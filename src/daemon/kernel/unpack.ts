import { closeSync, constants, fstatSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";

/** What unpacking a file of a kernel needs. */
export interface UnpackDeps {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** A directory for files on the way. */
  readonly scratch: string;
}

/** Unpacks bytes. */
export type Unpack = (packed: Buffer, deps: UnpackDeps) => Promise<Buffer>;

/** No kernel is larger; a compressed one that claims to be is hostile. */
const maxBytes = 512 * 1024 * 1024;

/** gzip. */
export const gunzip: Unpack = async (packed) => gunzipSync(packed, { maxOutputLength: maxBytes });
/** Zstandard. */
export const unzstd: Unpack = async (packed) => zstdDecompressSync(packed, { maxOutputLength: maxBytes });
/** xz, which Node can't. */
export const unxz: Unpack = unpackBy("xz");
/** LZ4 in its legacy frame, which Node can't. */
export const unlz4: Unpack = unpackBy("lz4");

/** A file of a kernel, which is never larger than a kernel: one that is, or grows to be while it is read, is refused. */
export function readBounded(path: string): Buffer {
  // A FIFO that has taken its place since would be waited for.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new BangerError("bad_content", `source: ${path} is not a file; give one`);
    const { size } = stat;
    const tooLarge = () => new BangerError("bad_content", `source: ${path} is too large for a kernel`);
    if (size > maxBytes) throw tooLarge();
    const bytes = Buffer.alloc(size + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > size) throw new BangerError("bad_content", `source: ${path} changed while it was read; try again`);
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/** Its output comes by a pipe: what is too large never lies on the disk. */
function unpackBy(file: string): Unpack {
  return async (bytes, { run, signal, scratch }) => {
    const from = `${scratch}/packed`;
    const parts: Buffer[] = [];
    let length = 0;
    const readStdout = async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        length += chunk.length;
        if (length > maxBytes) throw new RangeError(`${file} unpacks more than ${maxBytes} bytes`);
        parts.push(chunk);
      }
    };
    writeFileSync(from, bytes);
    try {
      await run({ file, args: ["-dc"], stdinFrom: from, readStdout, signal });
      return Buffer.concat(parts, length);
    } finally {
      rmSync(from, { force: true });
    }
  };
}

/** Unpacks what `what` names; what goes wrong with its bytes is said as such. */
export async function unpacked(what: string, unpack: Unpack, packed: Buffer, deps: UnpackDeps): Promise<Buffer> {
  return unpack(packed, deps).catch((cause: unknown) => {
    if (cause instanceof BangerError && cause.code !== "command_failed") throw cause;
    deps.signal.throwIfAborted();
    // So says zlib too of more than it may make.
    const why = cause instanceof RangeError ? "is too large for a kernel" : "can't be unpacked";
    throw new BangerError("bad_content", `source: ${what} ${why}`, { cause });
  });
}
