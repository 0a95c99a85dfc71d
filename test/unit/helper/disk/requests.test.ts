import { describe, expect, it } from "vitest";
import {
  dmDevice,
  dmFlags,
  dmIoctl,
  dmNames,
  dmRequest,
  dmTargets,
  dmVersion,
} from "../../../../src/helper/disk/dm-request.ts";
import { loopConfig, loopInode } from "../../../../src/helper/disk/loop-request.ts";

const text = (bytes: Buffer, from: number) => bytes.toString("latin1", from, bytes.indexOf(0, from));

describe("a request to device-mapper", () => {
  it.each([
    ["list", 0xc138fd02],
    ["create", 0xc138fd03],
    ["remove", 0xc138fd04],
    ["resume", 0xc138fd06],
    ["status", 0xc138fd07],
    ["load", 0xc138fd09],
    ["tableStatus", 0xc138fd0c],
    ["targetVersion", 0xc138fd11],
  ] as const)("(%s) has the kernel's number", (command, number) => {
    expect(dmIoctl(command)).toBe(number);
  });

  it("has name, uuid, flags and what udev is told where struct dm_ioctl has them", () => {
    const request = dmRequest({ name: "a-name", uuid: "A-UUID", flags: dmFlags.statusTable, event: 0x4e_0000 });
    expect([0, 12, 16, 20, 28, 32].map((at) => request.readUInt32LE(at))).toEqual([4, 65_536, 312, 0, 16, 0x4e_0000]);
    expect([text(request, 48), text(request, 176)]).toEqual(["a-name", "A-UUID"]);
    expect(request).toHaveLength(65_536);
  });

  it("has its targets behind one another, each saying how far it is to the next", () => {
    const request = dmRequest({
      uuid: "A-UUID",
      targets: [
        { start: 0, length: 2048, type: "snapshot", text: "7:0 7:1 PO 8" },
        { start: 2048, length: 2 ** 33, type: "linear", text: "7:1 4096" },
      ],
    });
    expect(request.readUInt32LE(20)).toBe(2);
    const first = Buffer.alloc(56);
    first.writeBigUInt64LE(2048n, 8);
    first.writeUInt32LE(56, 20);
    first.write("snapshot", 24);
    first.write("7:0 7:1 PO 8", 40);
    expect(request.subarray(312, 368).equals(first)).toBe(true);
    const second = Buffer.alloc(56);
    second.writeBigUInt64LE(2048n, 0);
    second.writeBigUInt64LE(BigInt(2 ** 33), 8);
    second.writeUInt32LE(56, 20);
    second.write("linear", 24);
    second.write("7:1 4096", 40);
    expect(request.subarray(368, 424).equals(second)).toBe(true);
  });

  it("makes room for a table of any length", () => {
    const targets = [{ start: 0, length: 1, type: "linear", text: "x".repeat(70_000) }];
    expect(dmRequest({ targets }).length).toBeGreaterThan(70_000);
  });
});

describe("an answer of device-mapper", () => {
  it.each([
    [0xfe00, 0],
    [0xfe07, 7],
    // huge_encode_dev(254:300): 300 = 0x12c.
    [0x10_fe2c, 300],
  ])("says of %i that the minor is %i", (dev, minor) => {
    const answer = dmRequest({ uuid: "A-UUID", flags: dmFlags.activePresent });
    answer.writeBigUInt64LE(BigInt(dev), 40);
    expect(dmDevice(answer)).toEqual({ uuid: "A-UUID", minor, active: true });
  });

  it("has targets whose offsets count from the first one", () => {
    const answer = dmRequest({});
    answer.writeUInt32LE(2, 20);
    for (const [n, type] of ["snapshot", "linear"].entries()) {
      const from = 312 + n * 64;
      answer.writeBigUInt64LE(BigInt(n * 2048), from);
      answer.writeBigUInt64LE(2048n, from + 8);
      answer.writeUInt32LE((n + 1) * 64, from + 20);
      answer.write(type, from + 24);
      answer.write(n === 0 ? "16/4096 8" : "", from + 40);
    }
    expect(dmTargets(answer)).toEqual([
      { start: 0, length: 2048, type: "snapshot", text: "16/4096 8" },
      { start: 2048, length: 2048, type: "linear", text: "" },
    ]);
  });

  it("has the names of all devices, or says that they are too many", () => {
    const answer = dmRequest({});
    expect(dmNames(answer)).toEqual([]);
    for (const [n, name] of ["one", "another"].entries()) {
      answer.writeBigUInt64LE(BigInt(0xfd00 + n), 312 + n * 32);
      answer.writeUInt32LE(n === 0 ? 32 : 0, 312 + n * 32 + 8);
      answer.write(name, 312 + n * 32 + 12);
    }
    expect(dmNames(answer)).toEqual(["one", "another"]);
    answer.writeUInt32LE(dmFlags.bufferFull, 28);
    expect(dmNames(answer)).toBeUndefined();
  });

  it("has a target's version", () => {
    const answer = dmRequest({ name: "snapshot" });
    for (const [n, number] of [0, 1, 16, 0].entries()) answer.writeUInt32LE(number, 312 + n * 4);
    expect(dmVersion(answer)).toEqual([1, 16]);
  });
});

describe("a loop device's settings", () => {
  it.each([
    ["read only, through the cache", true, 1 | 4],
    ["to write, past the cache", false, 4 | 16],
  ])("(%s) are struct loop_config, byte for byte", (_, readOnly, flags) => {
    const expected = Buffer.alloc(304);
    expected.writeUInt32LE(17, 0);
    expected.writeUInt32LE(flags, 8 + 52);
    expected.write("banger", 8 + 56);
    expect(loopConfig({ file: 17, name: "banger", readOnly }).equals(expected)).toBe(true);
  });

  it("name a file by its inode", () => {
    const status = Buffer.alloc(232);
    status.writeBigUInt64LE(2n ** 40n, 8);
    expect(loopInode(status)).toBe(2n ** 40n);
  });
});
