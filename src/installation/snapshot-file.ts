const mib = 2 ** 20;

/** The kernel copies so many bytes at a time: a guest's file system writes blocks of that size, and then nothing has to be copied. */
export const chunkBytes = 4096;
/** An area of the store: a chunk that says where the next 256 belong, and those (drivers/md/dm-snap-persistent.c). */
const chunksPerArea = chunkBytes / 16;
/** Room that is never used, in a file that is sparse. */
const spare = { share: 1 / 64, bytes: 4 * mib } as const;

/** Where what lies in the file of a `dm-snapshot` root disk, in bytes. */
export interface SnapshotFile {
  /** At the beginning is the kernel's store of what differs from the image, with room for all of the image. */
  readonly storeBytes: number;
  /** Then what the disk has beyond the image's end, as it is. */
  readonly tailBytes: number;
}

/** The file of a disk of `diskBytes`, not less than its image has. */
export function snapshotFile(imageBytes: number, diskBytes: number): SnapshotFile {
  const areas = Math.ceil(Math.ceil(imageBytes / chunkBytes) / chunksPerArea) + 1;
  const least = (2 + areas * (chunksPerArea + 1)) * chunkBytes;
  const storeBytes = Math.ceil((least * (1 + spare.share) + spare.bytes) / mib) * mib;
  return { storeBytes, tailBytes: Math.max(0, diskBytes - imageBytes) };
}
