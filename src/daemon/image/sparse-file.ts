import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import koffi from "koffi";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

const blockBytes = 4_096;
const chunkBytes = 1 << 20;
const zeros = Buffer.alloc(blockBytes);

interface Extent {
  readonly from: number;
  readonly to: number;
}

/** The parts of a file that hold data, in order; the rest reads as zeros (lseek(2), fallocate(2), which Node doesn't offer). */
function* dataOf(fd: number, size: number): Generator<Extent> {
  const lseek = koffi.load("libc.so.6").func("int64_t lseek(int fd, int64_t offset, int whence)");
  for (let at = 0; at < size; ) {
    const from = Number(lseek(fd, at, SEEK_DATA));
    if (from < 0) return;
    at = Number(lseek(fd, from, SEEK_HOLE));
    yield { from, to: at };
  }
}

/** Gives back the blocks of a file that hold no data, those that were taken and never written too. */
export async function giveBackHoles(path: string): Promise<void> {
  const fallocate = koffi.load("libc.so.6").func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    let end = 0;
    const punch = (to: number) => {
      // A file system that can't keeps them: the content is the same.
      if (to > end) fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end, to - end);
    };
    for (const { from, to } of dataOf(file.fd, size)) {
      punch(from);
      end = to;
    }
    punch(size);
  } finally {
    await file.close();
  }
}

/** A digest of a file's content that costs what the file holds, not its size: of the size, and of each block that isn't zero with its place. */
export async function sparseDigest(path: string, signal: AbortSignal): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const hash = createHash("sha256").update(`${size}\n`);
    let done = 0;
    for (const { from, to } of dataOf(file.fd, size)) {
      // Blocks of the digest's own: where the file system's begin says nothing of the content.
      const first = Math.max(done, from - (from % blockBytes));
      for (let at = first; at < to; at += chunkBytes) {
        signal.throwIfAborted();
        done = Math.min(at + chunkBytes, Math.ceil(to / blockBytes) * blockBytes);
        addBlocks(hash, at, await readAll(file, at, done - at));
      }
    }
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

function addBlocks(hash: ReturnType<typeof createHash>, at: number, bytes: Buffer): void {
  for (let offset = 0; offset < bytes.length; offset += blockBytes) {
    const block = bytes.subarray(offset, offset + blockBytes);
    if (block.equals(zeros.subarray(0, block.length))) continue;
    hash.update(`${at + offset}\n`).update(block);
  }
}

async function readAll(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
