import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ext4OfSource } from "../../../src/daemon/image/ext4-of-source.ts";
import { nameOfFile } from "../../../src/daemon/image/image-name.ts";
import { openSource } from "../../../src/daemon/image/source.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";
import { tarArchive } from "../../support/tar-archive.ts";

const mib = 1024 * 1024;
const run = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
const { signal } = new AbortController();
const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
let directory: string;
let ext4: Buffer;
let scratch: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-source-"));
  mkdirSync(join(directory, "tree/usr/bin"), { recursive: true });
  ext4 = made("ext4");
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  scratch = join(directory, "scratch");
  mkdirSync(scratch);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true });
});

const tool = (file: string, ...args: string[]) =>
  execFileSync(file, args, { env: { ...process.env, PATH: path }, stdio: ["ignore", "pipe", "ignore"] });

/** A file system of 8 MiB; of large blocks and few inodes, so that it grows in a moment. */
function made(type: string, tree = "tree", ...options: string[]): Buffer {
  const file = join(directory, "made");
  rmSync(file, { force: true });
  mkdirSync(join(directory, "empty"), { recursive: true });
  tool("mke2fs", "-q", "-F", "-t", type, "-N", "64", "-b", "4096", "-d", join(directory, tree), ...options, file, "8M");
  return readFileSync(file);
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** Imports bytes as the service does; returns what was told. */
async function taken(bytes: Buffer, wishes: { partition?: number; size_mib?: number } = {}) {
  const file = join(directory, "source");
  writeFileSync(file, bytes);
  const told: string[] = [];
  const progress = (text: string) => Promise.resolve(void told.push(text));
  const disk = await ext4OfSource(await openSource(file, run, signal), wishes, { run, signal, scratch, progress });
  expect(tool("debugfs", "-R", "ls -p /usr", disk).toString()).toContain("/bin/");
  expect(statSync(disk).size).toBe(20_480 * mib);
  return told;
}

/** A disk with an MBR, each partition `[type, content]`, one MiB apart and in order. */
function mbr(...partitions: [type: number, content: Buffer][]): Buffer {
  const table = Buffer.alloc(mib);
  table.writeUInt16LE(0xaa55, 510);
  let at = mib;
  for (const [index, [type, content]] of partitions.entries()) {
    table[446 + index * 16 + 4] = type;
    table.writeUInt32LE(at / 512, 446 + index * 16 + 8);
    table.writeUInt32LE(content.length / 512, 446 + index * 16 + 12);
    at += content.length;
  }
  return Buffer.concat([table, ...partitions.map(([, content]) => content)]);
}

const linuxRoot = "e3bc684fcde8b14d96e7fbcaf984b709";
const linuxData = "af3dc60f838472478e793d69d8477de4";

/** A disk with a GPT, each partition `[type as its bytes, content]`. */
function gpt(...partitions: [type: string, content: Buffer][]): Buffer {
  const disk = mbr([0xee, Buffer.alloc(mib)]).subarray(0, mib);
  disk.write("EFI PART", 512);
  disk.writeBigUInt64LE(2n, 512 + 72);
  disk.writeUInt32LE(128, 512 + 80);
  disk.writeUInt32LE(128, 512 + 84);
  let at = mib;
  for (const [index, [type, content]] of partitions.entries()) {
    const entry = 1024 + index * 128;
    disk.write(type, entry, "hex");
    disk.writeBigUInt64LE(BigInt(at / 512), entry + 32);
    disk.writeBigUInt64LE(BigInt((at + content.length) / 512 - 1), entry + 40);
    at += content.length;
  }
  return Buffer.concat([disk, ...partitions.map(([, content]) => content)]);
}

function qcow2(bytes: Buffer, ...options: string[]): Buffer {
  const raw = join(directory, "raw");
  writeFileSync(raw, bytes);
  tool("qemu-img", "convert", "-O", "qcow2", ...options, raw, join(directory, "disk.qcow2"));
  return readFileSync(join(directory, "disk.qcow2"));
}

const address = 0x00ff_ffff_ffff_fe00n;
/** Where a qcow2 disk says where its first L2 table lies, and that where the first cluster does. */
const l2Entry = (disk: Buffer) => Number(disk.readBigUInt64BE(40));
const firstEntry = (disk: Buffer) => Number(disk.readBigUInt64BE(l2Entry(disk)) & address);
/** With an entry that leads to the middle of a cluster. */
const spoilt = (disk: Buffer, entry: (disk: Buffer) => number) =>
  changed(disk, (copy) => copy.writeUInt8(copy.readUInt8(entry(copy) + 6) | 2, entry(copy) + 6));

const swap = Buffer.alloc(mib);

describe("is taken", () => {
  it.each<[string, () => Buffer, number?]>([
    ["ext4", () => ext4],
    ["ext4 with small blocks", () => made("ext4", "tree", "-b", "1024")],
    ["ext2", () => made("ext2")],
    ["ext3", () => made("ext3")],
    ["ext4 and a part of a block", () => Buffer.concat([ext4, Buffer.alloc(700)])],
    ["ext4 whose journal is to be replayed", () => withJournalToReplay()],
    ["the only ext4 of an MBR", () => mbr([0x82, swap], [0x83, ext4])],
    ["the second ext4 of an MBR, asked for", () => mbr([0x83, ext4], [0x83, ext4]), 2],
    ["the root of a GPT", () => gpt([linuxData, ext4], [linuxRoot, ext4])],
    ["qcow2 of an ext4", () => qcow2(ext4)],
    ["qcow2, version 2", () => qcow2(ext4, "-o", "compat=0.10")],
    ["qcow2, compressed, of a disk", () => qcow2(gpt([linuxRoot, ext4]), "-c")],
  ])("%s", async (_, bytes, partition) => {
    await taken(bytes(), partition === undefined ? {} : { partition });
  });

  it("the root's directory of a tar, without what stands beside it: not even a device is made of that", async () => {
    const told = await taken(
      tarArchive([
        { name: "./rootfs/usr/bin/", type: "5" },
        { name: "./null", type: "3" },
      ]),
    );
    expect(told).toContain("rootfs/ is the root file system; left out: null");
  });

  it("all of a tar, whatever the daemon's TAR_OPTIONS say", async () => {
    vi.stubEnv("TAR_OPTIONS", "--exclude=bin");
    await taken(tarArchive([{ name: "usr/bin/", type: "5" }]));
  });

  it("with the partitions named that are left out", async () => {
    expect(await taken(mbr([0x82, swap], [0x83, ext4]))).toEqual([
      "taking partition 2",
      expect.stringMatching(/^partition 1 is left out/),
    ]);
  });
});

describe("is refused", () => {
  const plain = (text: string) => Buffer.concat([Buffer.from(text, "latin1"), Buffer.alloc(1000)]);
  const at = (position: number, text: string) => Buffer.concat([Buffer.alloc(position), plain(text)]);

  it.each<[string, () => Buffer, RegExp, string?]>([
    ["nothing", () => Buffer.alloc(0), /is empty/],
    ["zeros", () => Buffer.alloc(10_240), /an archive of nothing, or an empty disk/],
    [
      "words",
      () => plain("hello"),
      /neither a tar archive nor a disk: none of ext4, a raw disk's partition table, qcow2; see/,
    ],
    ["zip", () => plain("PK\x03\x04"), /a zip archive; unpack it.*unzip/],
    ["cpio", () => plain("070701"), /a cpio archive/],
    ["squashfs", () => plain("hsqs"), /squashfs.*unsquashfs/],
    ["ISO", () => at(32_769, "CD001"), /ISO 9660/],
    ["VMDK", () => plain("KDMV"), /VMDK.*-f vmdk -O raw/],
    ["VHDX", () => plain("vhdxfile"), /VHDX/],
    ["XFS", () => plain("XFSB"), /an XFS file system; as root: mount/],
    ["btrfs", () => at(65_600, "_BHRfS_M"), /a btrfs file system/],
    [
      "ext4 with an unknown feature",
      () => changed(ext4, (copy) => copy.writeUInt32LE(copy.readUInt32LE(1120) | (1 << 27), 1120)),
      /features that aren't known here \(incompatible bit 27\)/,
    ],
    [
      "a truncated ext4",
      () => ext4.subarray(0, 5 * mib),
      /is truncated: its file system has 8388608 bytes, 5242880 are there/,
    ],
    ["a damaged ext4", () => changed(ext4, (copy) => copy.fill(0, 4096, 90_000)), /is damaged/],
    ["an ext4 of nothing", () => made("ext4", "empty"), /holds no root file system/],
    ["an MBR without partitions", () => mbr(), /its partition table is empty/],
    [
      "an MBR of two ext4",
      () => mbr([0x83, ext4], [0x83, ext4]),
      /partition: more than one.*1 \(type 83, at byte 1048576, 8 MiB, ext4\).*--partition N/,
      "bad_params",
    ],
    ["an MBR without ext4", () => mbr([0x82, swap]), /no partition with an ext4/],
    ["a truncated disk", () => mbr([0x83, ext4]).subarray(0, 3 * mib), /is truncated/],
    [
      "a GPT of an absurd length",
      () => changed(gpt(), (copy) => copy.writeUInt32LE(1 << 30, 512 + 80)),
      /partition table that is damaged/,
    ],
    [
      "a qcow2 with a backing file",
      () => changed(qcow2(ext4), (copy) => copy.writeUInt32BE(200, 12)),
      /needs another file behind it/,
    ],
    [
      "a qcow2 with its data elsewhere",
      () => changed(qcow2(ext4), (copy) => copy.writeUInt32BE(4, 76)),
      /has its data in another file/,
    ],
    ["a qcow2 that is encrypted", () => changed(qcow2(ext4), (copy) => copy.writeUInt32BE(2, 32)), /is encrypted/],
    [
      "a qcow2 of a petabyte",
      () => changed(qcow2(ext4), (copy) => copy.writeUInt32BE(1 << 18, 24)),
      /1 TiB is the most/,
    ],
    ["a truncated qcow2", () => qcow2(ext4).subarray(0, 80), /is truncated/],
    [
      "a qcow2 without its last quarter",
      () => {
        const whole = qcow2(Buffer.concat([ext4, Buffer.alloc(8 * mib, 1)]));
        return whole.subarray(0, whole.length * 0.75);
      },
      /is truncated: its last clusters are missing/,
    ],
    ["a qcow2 with an L2 table out of line", () => spoilt(qcow2(ext4), l2Entry), /can't be read as a qcow2 disk/],
    ["a qcow2 with a cluster out of line", () => spoilt(qcow2(ext4), firstEntry), /can't be read as a qcow2 disk/],
    [
      "a qcow2 with a compressed cluster that isn't one",
      () =>
        changed(qcow2(ext4, "-c"), (copy) => {
          const at = Number(copy.readBigUInt64BE(firstEntry(copy)) & ((1n << 54n) - 1n));
          copy.fill(0xff, at, at + 100);
        }),
      /can't be read as a qcow2 disk/,
    ],
    [
      "a qcow2 whose tables lie elsewhere",
      () => changed(qcow2(ext4), (copy) => copy.writeUInt32BE(123, 44)),
      /can't be read as a qcow2 disk/,
    ],
    ["an ext4 that ends in its superblock", () => ext4.subarray(0, 1_100), /is truncated: its superblock is not whole/],
    ["a GPT that ends in its header", () => gpt().subarray(0, 520), /is truncated: its partition table is not whole/],
    [
      "a GPT whose table lies beyond any disk",
      () => changed(gpt(), (copy) => copy.writeBigUInt64LE(1n << 60n, 512 + 72)),
      /partition table that is damaged/,
    ],
    [
      "a GPT with a partition beyond any disk",
      () => changed(gpt([linuxRoot, ext4]), (copy) => copy.writeBigUInt64LE(1n << 62n, 1024 + 32)),
      /partition table that is damaged/,
    ],
    ["a kernel", () => bzImage(), /is a Linux kernel \(a bzImage\); `banger kernel import` takes it/],
    [
      "a tar with a hard link to nothing and a keyword that tar doesn't know",
      () => tarArchive([{ name: "usr/a", type: "1", link: "usr/missing", pax: { "FOO.bar": "x" } }]),
      /can't be unpacked whole: tar: usr\/a: Cannot hard link to/,
    ],
    ["a qcow2 of zeros", () => qcow2(Buffer.alloc(mib)), /holds an archive of nothing, or an empty disk/],
  ])("%s", async (_, bytes, message, code = "bad_content") => {
    await expect(taken(bytes())).rejects.toMatchObject({ code, plain: expect.stringMatching(message) as string });
  });

  it("a file that changes while it is read", async () => {
    const file = join(directory, "source");
    writeFileSync(file, ext4);
    const source = await openSource(file, run, signal);
    source.mustBeUnchanged();
    truncateSync(file, 4096);
    expect(() => source.mustBeUnchanged()).toThrow(/changed while it was read/);
  });

  it("a directory, with how to pack it, and a FIFO", async () => {
    await expect(openSource(scratch, run, signal)).rejects.toThrow(/is a directory; pack it.*tar -C/);
    tool("mkfifo", join(scratch, "fifo"));
    await expect(openSource(join(scratch, "fifo"), run, signal)).rejects.toThrow(
      /is a FIFO, not a file; save what comes from it to a file first/,
    );
  });

  const listening = async () => {
    const server = createServer().listen(join(scratch, "socket"));
    server.unref();
    await once(server, "listening");
    return join(scratch, "socket");
  };

  it.each([
    ["a device", () => "/dev/zero", /is a device, not a file; copy what is on it to a file first/],
    ["a socket", listening, /is a socket, not a file$/],
  ])("%s, with what to do", async (_, path, message) => {
    await expect(openSource(await path(), run, signal)).rejects.toThrow(message);
  });

  it("a wish that doesn't fit", async () => {
    await expect(taken(ext4, { partition: 1 })).rejects.toThrow(/^partition: only a raw or qcow2 disk/);
    await expect(taken(ext4, { size_mib: 100 })).rejects.toThrow(/^size_mib: a file system is grown/);
    await expect(taken(mbr([0x83, ext4]), { partition: 7 })).rejects.toThrow(/^partition: there is no 7; there are: 1/);
  });
});

it.each([
  ["/a/rootfs.tar.gz", "rootfs"],
  ["/a/Debian_12 (x86).ext4", "debian-12-x86"],
  ["/a/12-alpine.tgz", "alpine"],
  ["/a/an-image-with-a-very-long-name-for-a-name.qcow2", "an-image-with-a-very-long-name-f"],
])("%s is called %s", (file, name) => {
  expect(nameOfFile(file)).toBe(name);
});

it("a file of whose name none can be made asks for one", () => {
  expect(() => nameOfFile("/a/12.tar")).toThrow(/give --name/);
});

/** The begin of a kernel: a boot sector, and behind it the header that says so. */
function bzImage(): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt16LE(0xaa55, 510);
  bytes.write("HdrS", 514);
  return bytes;
}

/** As a machine leaves it that lost its power: marked so, with a journal that has nothing to replay. */
function withJournalToReplay(): Buffer {
  const file = join(directory, "journal");
  writeFileSync(file, ext4);
  tool("debugfs", "-w", "-R", "feature needs_recovery", file);
  return readFileSync(file);
}
