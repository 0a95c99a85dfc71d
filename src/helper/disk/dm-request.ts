// linux/dm-ioctl.h: struct dm_ioctl, then what the command takes or gives.
const headerBytes = 312;
const at = { version: 0, dataSize: 12, dataStart: 16, targets: 20, flags: 28, event: 32, dev: 40 } as const;
const [nameAt, uuidAt, nameBytes, uuidBytes] = [48, 176, 128, 129];
/** struct dm_target_spec. */
const spec = { start: 0, length: 8, next: 20, type: 24, bytes: 40 } as const;
/** Enough for a table of ours, and for the names of a thousand devices. */
const answerBytes = 64 * 1024;
/** As it was in 2.6, which every kernel understands. */
const version = 4;

/** The commands, by their numbers in the enumeration. */
export const dmCommands = {
  list: 2,
  create: 3,
  remove: 4,
  /** Without `suspend` among the flags: puts a loaded table in place. */
  resume: 6,
  status: 7,
  load: 9,
  tableStatus: 12,
  targetVersion: 17,
} as const;

/** Flags of a request or an answer. */
export const dmFlags = { statusTable: 1 << 4, activePresent: 1 << 5, bufferFull: 1 << 8, skipLockfs: 1 << 10 } as const;

/** A part of a device's table. */
export interface DmTarget {
  /** In sectors of 512 bytes. */
  readonly start: number;
  readonly length: number;
  readonly type: string;
  /** What the target is told, or tells of itself. */
  readonly text: string;
}

/** What a command is asked with. */
export interface DmRequest {
  readonly name?: string;
  readonly uuid?: string;
  readonly flags?: number;
  /** Of udev's, in the upper half: what its rules leave alone. */
  readonly event?: number;
  readonly targets?: readonly DmTarget[];
}

/** The number of a command for ioctl(2): _IOWR(0xfd, command, struct dm_ioctl). */
export function dmIoctl(command: keyof typeof dmCommands): number {
  return (0xc000_0000 | (headerBytes << 16) | (0xfd << 8) | dmCommands[command]) >>> 0;
}

/** A request, with room behind it for the answer. */
export function dmRequest({ name = "", uuid = "", flags = 0, event = 0, targets = [] }: DmRequest): Buffer {
  const table = Buffer.concat(targets.map(targetBytes));
  const request = Buffer.alloc(Math.max(answerBytes, headerBytes + table.length));
  request.writeUInt32LE(version, at.version);
  request.writeUInt32LE(request.length, at.dataSize);
  request.writeUInt32LE(headerBytes, at.dataStart);
  request.writeUInt32LE(targets.length, at.targets);
  request.writeUInt32LE(flags, at.flags);
  request.writeUInt32LE(event, at.event);
  request.write(name, nameAt, nameBytes - 1, "latin1");
  request.write(uuid, uuidAt, uuidBytes - 1, "latin1");
  table.copy(request, headerBytes);
  return request;
}

function targetBytes({ start, length, type, text }: DmTarget): Buffer {
  const bytes = Buffer.alloc(Math.ceil((spec.bytes + text.length + 1) / 8) * 8);
  bytes.writeBigUInt64LE(BigInt(start), spec.start);
  bytes.writeBigUInt64LE(BigInt(length), spec.length);
  // From this one's beginning to the next.
  bytes.writeUInt32LE(bytes.length, spec.next);
  bytes.write(type, spec.type, 15, "latin1");
  bytes.write(text, spec.bytes, "latin1");
  return bytes;
}

/** What an answer says of a device. */
export function dmDevice(answer: Buffer): { readonly uuid: string; readonly minor: number; readonly active: boolean } {
  const dev = answer.readBigUInt64LE(at.dev);
  return {
    uuid: textAt(answer, uuidAt),
    // huge_encode_dev(): the minor's upper bits lie above the major.
    minor: Number((dev & 0xffn) | ((dev >> 12n) & 0xfff_ff00n)),
    active: (answer.readUInt32LE(at.flags) & dmFlags.activePresent) !== 0,
  };
}

/** The table, or the state of each target, in an answer to `tableStatus`. */
export function dmTargets(answer: Buffer): DmTarget[] {
  const base = answer.readUInt32LE(at.dataStart);
  const count = answer.readUInt32LE(at.targets);
  const targets: DmTarget[] = [];
  for (let n = 0, from = base; n < count; n++) {
    targets.push({
      start: Number(answer.readBigUInt64LE(from + spec.start)),
      length: Number(answer.readBigUInt64LE(from + spec.length)),
      type: textAt(answer, from + spec.type),
      text: textAt(answer, from + spec.bytes),
    });
    // From the first one's beginning, unlike in a request.
    from = base + answer.readUInt32LE(from + spec.next);
  }
  return targets;
}

/** The names in an answer to `list` (struct dm_name_list); undefined where they are more than fit. */
export function dmNames(answer: Buffer): string[] | undefined {
  if ((answer.readUInt32LE(at.flags) & dmFlags.bufferFull) !== 0) return undefined;
  const names: string[] = [];
  for (let from = answer.readUInt32LE(at.dataStart); answer.readBigUInt64LE(from) !== 0n; ) {
    names.push(textAt(answer, from + 12));
    const next = answer.readUInt32LE(from + 8);
    if (next === 0) break;
    from += next;
  }
  return names;
}

/** The version in an answer to `targetVersion` (struct dm_target_versions). */
export function dmVersion(answer: Buffer): readonly [number, number] {
  const from = answer.readUInt32LE(at.dataStart);
  return [answer.readUInt32LE(from + 4), answer.readUInt32LE(from + 8)];
}

function textAt(bytes: Buffer, from: number): string {
  return bytes.toString("latin1", from, bytes.indexOf(0, from));
}
