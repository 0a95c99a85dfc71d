import koffi from "koffi";

const FALLOC_FL_KEEP_SIZE = 1;

/** Gives a file blocks up to `bytes`, its size unchanged (fallocate(2), which Node doesn't offer). False where the file system can't. */
export type Allocate = (fd: number, bytes: number) => boolean;

/** Makes that function. */
export function createAllocate(): Allocate {
  const fallocate = koffi.load("libc.so.6").func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
  return (fd, bytes) => fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) === 0;
}
