import type { FileHandle } from "node:fs/promises";
import type { ByteSource } from "./tar-reader.ts";

/** The bytes of a file; what is passed over isn't read. */
export async function fileBytes(file: FileHandle): Promise<ByteSource> {
  const { size } = await file.stat();
  let at = 0;
  return {
    read: async (length) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
      at += bytesRead;
      return buffer.subarray(0, bytesRead);
    },
    skip: (length) => {
      at += length;
      return Promise.resolve(at <= size);
    },
  };
}

/** The bytes that come in chunks. */
export function streamBytes(chunks: AsyncIterable<Buffer>): ByteSource {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const fill = async () => {
    if (rest.length > 0) return true;
    const next = await iterator.next();
    if (next.done === true) return false;
    rest = next.value;
    return true;
  };
  const take = async (length: number, taken: (part: Buffer) => void) => {
    let missing = length;
    while (missing > 0 && (await fill())) {
      const part = rest.subarray(0, missing);
      rest = rest.subarray(part.length);
      missing -= part.length;
      taken(part);
    }
    return missing === 0;
  };
  return {
    read: async (length) => {
      const parts: Buffer[] = [];
      await take(length, (part) => parts.push(part));
      return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    },
    skip: (length) => take(length, () => undefined),
  };
}
