import { fsyncSync, readSync, writeSync } from "node:fs";

/** struct disk_header at the beginning of a snapshot's store (drivers/md/dm-snap-persistent.c), little-endian. */
const at = { magic: 0, valid: 4, version: 8, chunkSectors: 12, end: 16 } as const;
const magic = 0x70_41_6e_53;
const knownVersion = 1;

/** What is at the beginning of a store: nothing yet, a store, or something else. */
export type HeaderState = "empty" | "valid" | "invalid" | "foreign";

/** Looks at a store's header, whose chunks have so many sectors. */
export function headerState(header: Buffer, chunkSectors: number): HeaderState {
  if (header.subarray(0, at.end).every((byte) => byte === 0)) return "empty";
  const isOurs =
    header.readUInt32LE(at.magic) === magic &&
    header.readUInt32LE(at.version) === knownVersion &&
    header.readUInt32LE(at.chunkSectors) === chunkSectors;
  if (!isOurs) return "foreign";
  return header.readUInt32LE(at.valid) === 0 ? "invalid" : "valid";
}

/**
 * Makes a store valid again that no device uses, and says what it was. The kernel gives one up as soon as a write to it
 * fails, and says so in the header alone: an area of the store is written only after what it tells of, and none is any
 * more after the failure. So everything that was ever acknowledged is there, and of what failed its writer was told so.
 */
export function mendHeader(store: number, chunkSectors: number): HeaderState {
  const header = Buffer.alloc(at.end);
  readSync(store, header, 0, header.length, 0);
  const state = headerState(header, chunkSectors);
  if (state === "invalid") {
    header.writeUInt32LE(1, at.valid);
    writeSync(store, header, 0, header.length, 0);
    fsyncSync(store);
  }
  return state;
}
