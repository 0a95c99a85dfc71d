import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readKernel } from "../../../src/daemon/kernel/vmlinuz.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const run = createRunner({ spans: new Spans(startTracer("test", () => undefined)) });
const elf = Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46]), Buffer.from("a kernel ".repeat(5_000))]);
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

it.each([
  ["gzip", () => gzipSync(elf)],
  ["zstd", () => Buffer.concat([zstdCompressSync(elf), size])],
  ["xz", () => Buffer.concat([by("xz", "--check=crc32", "-c"), size])],
  ["legacy LZ4", () => Buffer.concat([by("lz4", "-l", "-c"), size])],
])("the kernel in a bzImage is unpacked: %s", async (_, payload) => {
  expect((await read(bzImage(payload()))).equals(elf)).toBe(true);
});

it("an ELF kernel is taken as it is", async () => {
  expect((await read(elf)).equals(elf)).toBe(true);
});

it.each([
  ["neither", Buffer.from("#!/bin/sh\n".repeat(100)), /neither an x86 kernel/],
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
