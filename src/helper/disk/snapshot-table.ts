import { chunkBytes, type SnapshotFile } from "../../installation/snapshot-file.ts";
import type { DmTarget } from "./dm-request.ts";

const sectorBytes = 512;

/** Sectors of a chunk, as the kernel's header of a store has it. */
export const chunkSectors = chunkBytes / sectorBytes;

/** The two devices that a disk is made of, as `major:minor`. */
export interface Beneath {
  /** The image's, only read. */
  readonly image: string;
  /** The VM's own file's. */
  readonly own: string;
}

/**
 * The table of a disk: a snapshot of the image, which keeps what differs at the beginning of the VM's own file, then what
 * the disk has beyond the image, which lies in that file as it is. What a guest discards is a hole again.
 */
export function snapshotTable(
  imageBytes: number,
  { storeBytes, tailBytes }: SnapshotFile,
  { image, own }: Beneath,
): DmTarget[] {
  const [first, store, tail] = [imageBytes, storeBytes, tailBytes].map((bytes) => bytes / sectorBytes) as [
    number,
    number,
    number,
  ];
  return [
    { start: 0, length: first, type: "snapshot", text: `${image} ${own} PO ${chunkSectors} 1 discard_zeroes_cow` },
    ...(tail === 0 ? [] : [{ start: first, length: tail, type: "linear", text: `${own} ${store}` }]),
  ];
}

/** A table in whose place nothing is read or written, as long as another one. */
export function errorTable(like: readonly DmTarget[]): DmTarget[] {
  const length = like.reduce((sum, target) => sum + target.length, 0);
  return [{ start: 0, length, type: "error", text: "" }];
}

/** What a table of ours tells: its devices and how long it is; undefined for any other. */
export function readTable(table: readonly DmTarget[]): (Beneath & { readonly bytes: number }) | undefined {
  const [snapshot] = table;
  const [, image, own] = /^(\d+:\d+) (\d+:\d+) /.exec(snapshot?.text ?? "") ?? [];
  if (snapshot?.type !== "snapshot" || image === undefined || own === undefined) return undefined;
  return { image, own, bytes: table.reduce((sum, { length }) => sum + length, 0) * sectorBytes };
}
