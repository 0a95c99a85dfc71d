import { refused } from "./source.ts";
import { bytesAt } from "../process/bytes-at.ts";

/** What an ext file system's superblock says (kernel: Documentation/filesystems/ext4/super.rst). */
export interface ExtSuperblock {
  /** Bytes of the whole file system. */
  readonly size: number;
  /** When it was written last, in seconds. */
  readonly written: number;
  /** True where its journal holds what is not in its place yet. */
  readonly needsRecovery: boolean;
}

const superblockAt = 1024;
const needsRecovery = 0x4;
const journalDevice = 0x8;
const with64bit = 0x80;
/** The incompatible features of the kernels and tools of Debian 12; a VM's kernel mounts none that it doesn't know. */
const known = 0x3_e7de;
const knownReadOnly = 0x1_ffff;

/** Reads the superblock of a file system; `named` is what its file is called when it is refused. */
export function extSuperblock(file: string, size: number, named: string, at = 0): ExtSuperblock {
  const bytes = bytesAt(file, at + superblockAt, 1024);
  if (bytes.length < 1024) throw refused(named, "is truncated: its superblock is not whole; copy or download it again");
  const incompatible = bytes.readUInt32LE(0x60);
  const unknown = [
    ...bitNames("incompatible", incompatible & ~known),
    ...bitNames("read-only", bytes.readUInt32LE(0x64) & ~knownReadOnly),
  ];
  if ((incompatible & journalDevice) !== 0)
    throw refused(named, "is the journal of another file system; give that one");
  if (unknown.length > 0) {
    throw refused(
      named,
      `uses file system features that aren't known here (${unknown.join(", ")}); make it anew without them: mke2fs -t ext4 -d TREE FILE`,
    );
  }
  const blocks =
    bytes.readUInt32LE(0x04) + ((incompatible & with64bit) === 0 ? 0 : bytes.readUInt32LE(0x150) * 2 ** 32);
  const whole = blocks * 1024 * 2 ** bytes.readUInt32LE(0x18);
  if (whole > size)
    throw refused(
      named,
      `is truncated: its file system has ${whole} bytes, ${size} are there; copy or download it again`,
    );
  return { size: whole, written: bytes.readUInt32LE(0x30), needsRecovery: (incompatible & needsRecovery) !== 0 };
}

function bitNames(kind: string, bits: number): string[] {
  return Array.from({ length: 32 }, (_, bit) => bit)
    .filter((bit) => ((bits >>> bit) & 1) === 1)
    .map((bit) => `${kind} bit ${bit}`);
}
