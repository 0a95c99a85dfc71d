import { z } from "zod";

/**
 * How a root disk comes from its image. `reflink`: a file that shares the image's blocks until they are written. `qcow2`: an
 * overlay, which holds what was written. `copy`: a file with blocks of its own.
 */
export const diskKind = z.enum(["reflink", "qcow2", "copy"]);

/** A kind of root disk. */
export type DiskKind = z.output<typeof diskKind>;

/** What a VMM is told that the file of each kind is; nothing is ever guessed from its bytes, which a guest writes. */
export const diskFormats = { reflink: "raw", qcow2: "qcow2", copy: "raw" } as const satisfies Record<
  DiskKind,
  "raw" | "qcow2"
>;
