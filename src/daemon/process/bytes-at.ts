import { closeSync, openSync, readSync } from "node:fs";

/** Up to `length` bytes of a file; what fails names it. */
export function bytesAt(path: string, position: number, length: number): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { path });
  } finally {
    closeSync(fd);
  }
}
