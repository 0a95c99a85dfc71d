import { refused } from "./source.ts";

/** A partition, as its table has it. */
export interface Partition {
  /** As Linux counts them. */
  readonly number: number;
  /** Bytes from the disk's begin. */
  readonly start: number;
  readonly size: number;
  /** GPT's type in lower case, or MBR's as two hex digits. */
  readonly type: string;
}

const sector = 512;
const extended = new Set([0x05, 0x0f, 0x85]);
/** A disk that has more is none: its bytes are beyond the numbers that are exact here. */
const mostSectors = 2 ** 40;
/** How many logical partitions are looked for: their chain may be a circle. */
const mostLogical = 64;

/** Reads the partitions of a disk; `read` gives its bytes. UEFI's chapter 5 has both formats. */
export function partitionsOf(read: (at: number, length: number) => Buffer, named: string): Partition[] {
  for (const size of [sector, 4_096]) {
    const header = read(size, sector);
    if (header.toString("latin1", 0, 8) === "EFI PART") return ofGpt(header, size, read, named);
  }
  return ofMbr(read);
}

function ofGpt(header: Buffer, unit: number, read: (at: number, length: number) => Buffer, named: string): Partition[] {
  if (header.length < sector)
    throw refused(named, "is truncated: its partition table is not whole; copy or download it again");
  const damaged = () => refused(named, "has a partition table that is damaged; check it with `fdisk -l`");
  const [first, count, length] = [Number(header.readBigUInt64LE(72)), header.readUInt32LE(80), header.readUInt32LE(84)];
  if (count > 1_024 || length < 128 || length > 4_096 || first > mostSectors) throw damaged();
  const table = read(first * unit, count * length);
  const found: Partition[] = [];
  for (let index = 0; (index + 1) * length <= table.length; index++) {
    const entry = table.subarray(index * length);
    const type = guid(entry);
    if (/^[0-]+$/.test(type)) continue;
    const [from, to] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))];
    if (from > mostSectors) throw damaged();
    found.push({ number: index + 1, start: from * unit, size: (to - from + 1) * unit, type });
  }
  return found;
}

/** The first three fields of a GUID are little-endian. */
function guid(bytes: Buffer): string {
  const hex = (from: number, to: number) => bytes.toString("hex", from, to);
  const little = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).reverse().toString("hex");
  return `${little(0, 4)}-${little(4, 6)}-${little(6, 8)}-${hex(8, 10)}-${hex(10, 16)}`;
}

function ofMbr(read: (at: number, length: number) => Buffer): Partition[] {
  const found: Partition[] = [];
  let chain: number | undefined;
  for (const { number, start, size, type } of entriesOf(read(0, sector))) {
    if (extended.has(type)) chain ??= start;
    else found.push({ number, start: start * sector, size: size * sector, type: hex(type) });
  }
  // Each logical partition is told by a table of its own, whose second entry leads to the next.
  for (let at = chain, number = 5; at !== undefined && number < 5 + mostLogical; number++) {
    const entries = entriesOf(read(at * sector, sector));
    const own = entries.find(({ type }) => !extended.has(type));
    const next = entries.find(({ type }) => extended.has(type));
    if (own !== undefined)
      found.push({ number, start: (at + own.start) * sector, size: own.size * sector, type: hex(own.type) });
    at = next === undefined || chain === undefined ? undefined : chain + next.start;
  }
  return found;
}

function entriesOf(table: Buffer) {
  if (table.length < sector || table.readUInt16LE(510) !== 0xaa55) return [];
  return [0, 1, 2, 3]
    .map((index) => ({ at: 446 + index * 16, number: index + 1 }))
    .map(({ at, number }) => ({
      number,
      type: table[at + 4] ?? 0,
      start: table.readUInt32LE(at + 8),
      size: table.readUInt32LE(at + 12),
    }))
    .filter(({ type, size }) => type !== 0 && size > 0);
}

function hex(type: number): string {
  return type.toString(16).padStart(2, "0");
}
