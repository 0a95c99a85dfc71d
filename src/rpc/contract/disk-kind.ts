import { z } from "zod";

/**
 * How a root disk comes from its image. `reflink`: a file that shares the image's blocks until they are written. `qcow2`: an
 * overlay, which holds what was written. `dm-snapshot`: a device that the kernel makes of the image and a file, which holds what
 * was written. `copy`: a file with blocks of its own.
 */
export const diskKind = z.enum(["reflink", "qcow2", "dm-snapshot", "copy"]);

/** A kind of root disk. */
export type DiskKind = z.output<typeof diskKind>;

/** What a disk's file is to a VMM: the bytes of the disk, an overlay, or nothing, as it is given a device that is made of it. */
export type DiskFormat = "raw" | "qcow2" | "snapshot";

/** The format of each kind; nothing is ever guessed from its bytes, which a guest writes. */
export const diskFormats = {
  reflink: "raw",
  qcow2: "qcow2",
  "dm-snapshot": "snapshot",
  copy: "raw",
} as const satisfies Record<DiskKind, DiskFormat>;
