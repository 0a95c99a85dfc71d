// linux/loop.h: struct loop_config, with its struct loop_info64.
const configBytes = 304;
const info = { inode: 8, flags: 52, name: 56, nameBytes: 64 } as const;
const infoAt = 8;
export const [LOOP_GET_STATUS64, LOOP_SET_CAPACITY, LOOP_CONFIGURE, LOOP_CTL_GET_FREE] = [
  0x4c05, 0x4c07, 0x4c0a, 0x4c82,
];
const [LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR, LO_FLAGS_DIRECT_IO] = [1, 4, 16];

/** What a loop device is made for. */
export interface LoopSpec {
  /** The open file. */
  readonly file: number;
  /** What is shown of it; at most 63 characters. */
  readonly name: string;
  /** Only read, through the host's cache, which all devices of the file share; else written past it. */
  readonly readOnly: boolean;
}

/** A loop device of a file, which goes by itself with the last who has it open. */
export function loopConfig({ file, name, readOnly }: LoopSpec): Buffer {
  const config = Buffer.alloc(configBytes);
  config.writeUInt32LE(file, 0);
  config.writeUInt32LE(LO_FLAGS_AUTOCLEAR | (readOnly ? LO_FLAGS_READ_ONLY : LO_FLAGS_DIRECT_IO), infoAt + info.flags);
  config.write(name, infoAt + info.name, info.nameBytes - 1, "latin1");
  return config;
}

/** The inode of a loop device's file, in an answer to LOOP_GET_STATUS64 (struct loop_info64). */
export function loopInode(status: Buffer): bigint {
  return status.readBigUInt64LE(info.inode);
}
