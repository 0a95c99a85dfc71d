import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Something that stays the same whatever its name comes to mean: a descriptor of it, by which nothing can be read yet. */
export interface Found extends AsyncDisposable {
  readonly facts: Stats;
  /** A path that is this very file or directory, as long as it is held. */
  readonly path: string;
}

/** open(2): no more than a descriptor. It opens neither a device nor a FIFO, and waits for nobody. Node has no name for it. */
const O_PATH = 0o10000000;
const { O_NOFOLLOW, O_RDONLY, O_NONBLOCK } = constants;

/** What is at a path, links followed. */
export function found(path: string): Promise<Found> {
  return held(path, O_PATH);
}

/** What a directory that is held has under a name; a link is itself. `..` is no name. */
export function foundBelow({ path }: Found, name: Buffer): Promise<Found> {
  return held(Buffer.concat([Buffer.from(`${path}/`), name]), O_PATH | O_NOFOLLOW);
}

/** Opens a regular file that is held, to read it. */
export function opened({ path }: Found): Promise<FileHandle> {
  return open(path, O_RDONLY | O_NONBLOCK);
}

async function held(path: string | Buffer, flags: number): Promise<Found> {
  const handle = await open(path, flags);
  const close = () => handle.close();
  try {
    const facts = await handle.stat();
    return { facts, path: `/proc/self/fd/${handle.fd}`, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
