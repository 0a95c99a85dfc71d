import { closeSync, openSync, readSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";

/** Where the fields of a qcow2 header lie (QEMU's docs/interop/qcow2.txt); all integers are big-endian. */
const at = { magic: 0, version: 4, size: 24, incompatible: 72, end: 104 } as const;
const magic = 0x51_46_49_fb;
/** The bit of an image whose data is in another file, which its header names. */
const externalData = 1n << 2n;

/** Reads the size that a guest sees, in bytes, and refuses a header that would lead whoever opens the disk to another file. */
export function qcow2Size(disk: string): number {
  const fd = openSync(disk, "r");
  try {
    const header = Buffer.alloc(at.end);
    const got = readSync(fd, header, 0, header.length, 0);
    if (got < at.end || header.readUInt32BE(at.magic) !== magic || header.readUInt32BE(at.version) !== 3) {
      throw damaged(disk, "it has no header of a qcow2 disk as banger makes them");
    }
    if ((header.readBigUInt64BE(at.incompatible) & externalData) !== 0n) {
      throw damaged(disk, "its header names another file for its data");
    }
    const size = header.readBigUInt64BE(at.size);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(disk, `its header tells a size of ${size} bytes`);
    return Number(size);
  } finally {
    closeSync(fd);
  }
}

function damaged(disk: string, why: string): BangerError {
  return new BangerError("bad_content", `the root disk ${disk} was damaged by its VM: ${why}`, {
    details: { hint: "`vm delete` it, and create the VM anew." },
  });
}
