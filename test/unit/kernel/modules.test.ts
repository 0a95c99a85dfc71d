import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { neededModules, unpackModules } from "../../../src/daemon/kernel/modules.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-modules-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function kernel(dep: string, builtin: string) {
  writeFileSync(join(directory, "modules.builtin"), builtin);
  writeFileSync(join(directory, "modules.dep"), dep);
  for (const path of dep.split(/[:\s]+/).filter((part) => part !== "")) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), path);
  }
}

const rest = "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio_net.ko\nkernel/drivers/char/virtio_console.ko\n";

it("each module comes once, after what it depends on", () => {
  kernel(
    "a/virtio_pci.ko: a/virtio.ko a/virtio_ring.ko\na/virtio-blk.ko: a/virtio.ko a/virtio_ring.ko\na/virtio.ko: a/virtio_ring.ko\na/virtio_ring.ko:\n",
    rest,
  );
  expect(neededModules(directory).map((module) => module.path)).toEqual([
    "a/virtio_ring.ko",
    "a/virtio.ko",
    "a/virtio_pci.ko",
    "a/virtio-blk.ko",
  ]);
});

it("a kernel without a disk driver is refused, one without a random number driver isn't", () => {
  kernel("a/virtio_pci.ko:\n", rest);
  expect(() => neededModules(directory)).toThrow(/has no virtio_blk/);
  kernel("a/virtio_pci.ko:\na/virtio_blk.ko.xz:\n", rest);
  expect(neededModules(directory)).toHaveLength(2);
});

it("a directory that depmod has not seen is refused with the next step", () => {
  expect(() => neededModules(directory)).toThrow(/run depmod/);
});

const deps = () => ({
  run: createRunner({ spans: new Spans(startTracer("test", () => undefined)) }),
  signal: new AbortController().signal,
  scratch: directory,
});
const module = Buffer.from("a module ".repeat(1_000));
const by = (program: string, ...args: string[]) => execFileSync(program, args, { input: module });

it.each([
  ["a/ext4.ko", module],
  ["a/ext4.ko.gz", gzipSync(module)],
  ["a/ext4.ko.zst", zstdCompressSync(module)],
  ["a/ext4.ko.xz", by("xz", "--check=crc32", "-c")],
])("a module is unpacked, however the distribution packs it: %s", async (path, content) => {
  expect(await unpackModules([{ path, content }], deps())).toEqual([{ path: "a/ext4.ko", content: module }]);
});

it.each([".gz", ".zst", ".xz"])("a module that isn't what its name says is refused: %s", async (end) => {
  await expect(unpackModules([{ path: `a/ext4.ko${end}`, content: module }], deps())).rejects.toMatchObject({
    code: "bad_content",
    message: `source: the module a/ext4.ko${end} can't be unpacked`,
  });
});
