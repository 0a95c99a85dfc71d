import { describe, expect, it } from "vitest";
import { leastMemoryMib } from "../../../src/daemon/kernel/least-memory.ts";

const mib = 1024 * 1024;
const [load, note] = [1, 4];

/** An x86-64 ELF file (elf(5)) of program headers alone; each is its type and its size in memory. */
function elf(
  headers: readonly (readonly [type: number, memsz: number])[],
  change: (bytes: Buffer) => void = () => undefined,
): Buffer {
  const bytes = Buffer.alloc(64 + 56 * headers.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(bytes);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(headers.length, 56);
  headers.forEach(([type, memsz], n) => {
    bytes.writeUInt32LE(type, 64 + 56 * n);
    bytes.writeBigUInt64LE(BigInt(memsz), 64 + 56 * n + 40);
  });
  change(bytes);
  return bytes;
}

describe("the least memory of a kernel", () => {
  const base = leastMemoryMib(elf([[load, mib]]), 0) ?? 0;

  it("grows with what is loaded, and twice with the initrd", () => {
    expect(
      leastMemoryMib(
        elf([
          [load, 30 * mib],
          [note, 900 * mib],
          [load, 11 * mib],
        ]),
        0,
      ),
    ).toBe(base + 40);
    expect(leastMemoryMib(elf([[load, mib]]), 3 * mib)).toBe(base + 6);
    expect(leastMemoryMib(elf([[load, mib]]), 1)).toBe(base + 1);
  });

  it.each([
    ["is cut off", elf([[load, mib]]).subarray(0, 80)],
    ["is empty", Buffer.alloc(0)],
    ["is of 32 bits", elf([[load, mib]], (bytes) => bytes.writeUInt8(1, 4))],
    ["has its headers elsewhere", elf([[load, mib]], (bytes) => bytes.writeBigUInt64LE(2n ** 63n, 32))],
    ["loads nothing", elf([[note, mib]])],
    ["loads more than there is", elf([[load, 2 ** 50]])],
  ])("isn't told by one that %s", (_, head) => {
    expect(leastMemoryMib(head, 0)).toBeNull();
  });
});
