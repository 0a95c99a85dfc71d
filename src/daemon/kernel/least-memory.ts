const mib = 1024 * 1024;
/** What a guest needs beside its kernel and initrd to come up, and run a command, without a process killed: measured with Debian's cloud kernel and image. */
const reserveBytes = 34 * mib;
/** The ELF header and the program headers of any kernel lie within these. */
export const headBytes = 64 * 1024;

/** The least memory with which a guest of this kernel comes up, in MiB; null when its ELF header makes no sense. `initrdBytes` are in memory twice, packed and unpacked. */
export function leastMemoryMib(head: Buffer, initrdBytes: number): number | null {
  const loaded = loadedBytes(head);
  return loaded === undefined ? null : Math.ceil((loaded + 2 * initrdBytes + reserveBytes) / mib);
}

/** The bytes that an ELF kernel takes when it is loaded: the sizes in memory of its PT_LOAD segments (elf(5)). */
function loadedBytes(head: Buffer): number | undefined {
  if (head.length < 64 || head.readUInt8(4) !== 2 || head.readUInt8(5) !== 1) return undefined;
  const at = Number(head.readBigUInt64LE(32));
  const [size, count] = [head.readUInt16LE(54), head.readUInt16LE(56)];
  if (size < 56 || at + size * count > head.length) return undefined;
  const headers = Array.from({ length: count }, (_, n) => head.subarray(at + n * size, at + (n + 1) * size));
  const loads = headers.filter((header) => header.readUInt32LE(0) === 1);
  const bytes = loads.reduce((sum, header) => sum + Number(header.readBigUInt64LE(40)), 0);
  return bytes === 0 || bytes > 1024 * mib ? undefined : bytes;
}
