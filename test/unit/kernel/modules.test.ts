import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { neededModules } from "../../../src/daemon/kernel/modules.ts";

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
