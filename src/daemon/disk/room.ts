import { statfsSync } from "node:fs";

const mib = 2 ** 20;
/** A guest that writes 1 GiB/s takes a quarter of a second for it; on a small file system a part of it is enough. */
const low = { mostBytes: 256 * mib, share: 1 / 16 } as const;
/** Less would be full again at once. */
const enoughBytes = 64 * mib;

/** What is free on a file system, in bytes. */
export interface Room {
  readonly free: number;
  /** Guests whose disks may not meet a full file system stand still below this. */
  readonly low: number;
}

/** Looks at the file system of a path. */
export type RoomOf = (path: string) => Room;

/** What the owner may still write there. */
export const statfsRoom: RoomOf = (path) => {
  const { bavail, blocks, bsize } = statfsSync(path);
  return { free: bavail * bsize, low: Math.min(low.mostBytes, blocks * bsize * low.share) };
};

/** True when a guest that stands still for want of room can go on; `guarded`: its disk may not meet a full file system. */
export function isEnough({ free, low: least }: Room, guarded: boolean): boolean {
  return free >= enoughBytes + (guarded ? least : 0);
}
