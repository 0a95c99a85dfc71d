import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readKernel } from "../../../src/daemon/kernel/vmlinuz.ts";
import { createRunner, type Run } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";
import { fakeKernel } from "../../support/fake-kernel.ts";

const run = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
const elf = fakeKernel();
const size = Buffer.alloc(4);
size.writeUInt32LE(elf.length);

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "banger-vmlinuz-"));
});
afterEach(() => rmSync(scratch, { recursive: true }));

/** A bzImage around a payload: two setup sectors, a header, then the payload at 100. */
function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(3 * 512 + 100);
  setup.writeUInt8(2, 0x1f1);
  setup.write("HdrS", 0x202);
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt32LE(100, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, payload, Buffer.from("what follows")]);
}

const read = (bytes: Buffer) => {
  const path = join(scratch, "vmlinuz");
  writeFileSync(path, bytes);
  return readKernel(path, { run, signal: new AbortController().signal, scratch });
};
const by = (program: string, ...args: string[]) => execFileSync(program, args, { input: elf, maxBuffer: 1 << 24 });
const config = (text: string) => `IKCFG_ST${gzipSync(text).toString("latin1")}IKCFG_ED`;
const withConfig = (text: string) => Buffer.concat([elf, Buffer.from(config(text), "latin1")]);
const whole = ["BLK_DEV_INITRD", "BINFMT_ELF", "DEVTMPFS", "PROC_FS", "SYSFS", "TTY", "UNIX", "NET", "INET"];

it.each([
  ["gzip", () => gzipSync(elf)],
  ["zstd", () => Buffer.concat([zstdCompressSync(elf), size])],
  ["xz", () => Buffer.concat([by("xz", "--check=crc32", "-c"), size])],
  ["legacy LZ4", () => Buffer.concat([by("lz4", "-l", "-c"), size])],
])("the kernel in a bzImage is unpacked: %s", async (_, payload) => {
  const kernel = await read(bzImage(payload()));
  expect({ ...kernel, elf: kernel.elf.equals(elf), boot: kernel.boot.equals(elf) }).toEqual({
    elf: true,
    boot: true,
    release: "6.1.0-1",
    pvh: true,
  });
});

it.each(["xz", "lz4"])("what %s makes more of than any kernel is left, and never lies on the disk", async (program) => {
  const magic = { xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a], lz4: [0x02, 0x21, 0x4c, 0x18] }[program] ?? [];
  const path = join(scratch, "vmlinuz");
  writeFileSync(path, bzImage(Buffer.from([...magic, ...size])));
  const chunk = Buffer.alloc(1 << 20);
  let given = 0;
  async function* endless() {
    for (; given < 2_000; given++) yield chunk;
  }
  const bomb: Run = async ({ file, stdoutTo, readStdout }) => {
    expect({ file, stdoutTo }).toEqual({ file: program, stdoutTo: undefined });
    await readStdout?.(endless());
    return { stdout: "" };
  };
  const { signal } = new AbortController();
  await expect(readKernel(path, { run: bomb, signal, scratch })).rejects.toMatchObject({
    code: "bad_content",
    plain: `source: the kernel in ${path} is too large for a kernel`,
  });
  expect(given).toBe(512);
  expect(readdirSync(scratch)).toEqual(["vmlinuz"]);
});

it("an ELF kernel is taken as it is", async () => {
  expect((await read(elf)).boot.equals(elf)).toBe(true);
});

it("a kernel that says again and again that it is Linux, and not which, isn't read to its end for that", async () => {
  const often = Buffer.alloc(100_000, "Linux version ");
  await expect(read(Buffer.concat([elf.subarray(0, 64), often, elf]))).rejects.toThrow(/but no Linux kernel/);
});

it("a kernel that QEMU can't enter by its PVH note is booted as the bzImage that it came in", async () => {
  const file = bzImage(gzipSync(fakeKernel({ pvh: false })));
  expect((await read(file)).boot.equals(file)).toBe(true);
});

it("a kernel's own configuration is believed", async () => {
  const text = whole.map((option) => `CONFIG_${option}=y\n`).join("");
  expect((await read(withConfig(text))).release).toBe("6.1.0-1");
  await expect(read(withConfig(text.replace("CONFIG_DEVTMPFS=y", "# CONFIG_DEVTMPFS is not set")))).rejects.toThrow(
    /was built without CONFIG_DEVTMPFS, which a guest needs/,
  );
});

it.each([
  ["neither", Buffer.from("#!/bin/sh\n".repeat(100)), /isn't one$/],
  ["empty", Buffer.alloc(0), /is empty/],
  ["a gzip file around a kernel", gzipSync(elf), /is a gzip file; unpack it/],
  ["an initrd", Buffer.from(`070701${"0".repeat(1_000)}`), /is an initrd; give the kernel/],
  ["an EFI program", Buffer.from(`MZ${"\0".repeat(1_000)}`), /EFI program .*objcopy/],
  ["for another machine", fakeKernel({ machine: 183 }), /for another machine/],
  ["an ELF program", Buffer.concat([elf.subarray(0, 64), Buffer.alloc(1_000)]), /no Linux kernel/],
  ["an ELF kernel without PVH", fakeKernel({ pvh: false }), /no PVH entry .* give its bzImage/],
  ["packed in an unknown way", bzImage(Buffer.from("unknown")), /a way that isn't known/],
  ["cut off", bzImage(gzipSync(elf)).subarray(0, 1_700), /cut off/],
  ["damaged", bzImage(gzipSync(elf).fill(0, 100, 120)), /can't be unpacked/],
  ["not a kernel inside", bzImage(gzipSync(Buffer.from("not ELF"))), /no ELF kernel/],
])("a file that is %s is refused", async (_, bytes, message) => {
  await expect(read(bytes)).rejects.toMatchObject({
    code: "bad_content",
    message: expect.stringMatching(message) as string,
  });
});
