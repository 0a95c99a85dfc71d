import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { modulesBelow, readModuleTree } from "../../../src/daemon/kernel/module-tree.ts";
import {
  missingBuiltin,
  missingModule,
  mmioDrivers,
  mustFit,
  mustHaveDrivers,
  neededModules,
  unpackModules,
} from "../../../src/daemon/kernel/modules.ts";
import { createRunner } from "../../../src/daemon/process/run.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";
import { fakeKernel, flags } from "../../support/fake-kernel.ts";

let directory: string;
let scratch: string;
beforeEach(() => {
  [directory, scratch] = ["banger-modules-", "banger-scratch-"].map((name) => mkdtempSync(join(tmpdir(), name))) as [
    string,
    string,
  ];
});
afterEach(() => {
  for (const path of [directory, scratch]) rmSync(path, { recursive: true });
});

function kernel(dep: string, builtin: string) {
  writeFileSync(join(directory, "modules.builtin"), builtin);
  writeFileSync(join(directory, "modules.dep"), dep);
  for (const path of dep.split(/[:\s]+/).filter((part) => part !== "")) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), path);
  }
}

const rest = "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio_net.ko\nkernel/drivers/char/virtio_console.ko\n";

const drivers = () => readModuleTree(directory, deps()).then(neededModules);

it("each module comes once, after what it depends on", async () => {
  kernel(
    "a/virtio_pci.ko: a/virtio.ko a/virtio_ring.ko\na/virtio-blk.ko: a/virtio.ko a/virtio_ring.ko\na/virtio.ko: a/virtio_ring.ko\na/virtio_ring.ko:\n",
    rest,
  );
  expect((await drivers()).map((module) => module.path)).toEqual([
    "a/virtio_ring.ko",
    "a/virtio.ko",
    "a/virtio_pci.ko",
    "a/virtio-blk.ko",
  ]);
});

it("a machine whose devices aren't PCI's has modules of its own", async () => {
  kernel(
    "a/virtio_mmio.ko:\nb/vmw_vsock_virtio_transport.ko: b/vsock_common.ko b/vsock.ko\nb/vsock_common.ko: b/vsock.ko\nb/vsock.ko:\nb/virtio_balloon.ko:\n",
    `${rest}kernel/virtio_pci.ko\nkernel/virtio_blk.ko\n`,
  );
  const tree = await readModuleTree(directory, deps());
  expect(neededModules(tree)).toEqual([]);
  expect(missingModule(tree, mmioDrivers)).toBeUndefined();
  expect(neededModules(tree, mmioDrivers).map((module) => module.path)).toEqual([
    "a/virtio_mmio.ko",
    "b/vsock.ko",
    "b/vsock_common.ko",
    "b/vmw_vsock_virtio_transport.ko",
    "b/virtio_balloon.ko",
  ]);
});

it("a kernel without a driver of such a machine's is one for PCI all the same", async () => {
  kernel("a/virtio_mmio.ko:\n", `${rest}kernel/virtio_pci.ko\nkernel/virtio_blk.ko\n`);
  const tree = await readModuleTree(directory, deps());
  expect(neededModules(tree)).toEqual([]);
  expect(missingModule(tree, mmioDrivers)).toBe("vmw_vsock_virtio_transport");
});

it("a kernel without a disk driver is refused, one without a random number driver isn't", async () => {
  kernel("a/virtio_pci.ko:\n", rest);
  await expect(drivers()).rejects.toThrow(/has no virtio_blk/);
  kernel("a/virtio_pci.ko:\na/virtio_blk.ko.xz:\n", rest);
  expect(await drivers()).toHaveLength(2);
});

it.each([
  ["that depmod has not seen", undefined],
  ["whose modules were packed since depmod saw it", "a/virtio_pci.ko.xz:\na/virtio_blk.ko.xz:\n"],
])("a directory %s is taken, and left as it is", async (_, dep) => {
  kernel("a/virtio_pci.ko:\na/virtio_blk.ko:\n", rest);
  if (dep === undefined) rmSync(join(directory, "modules.dep"));
  else writeFileSync(join(directory, "modules.dep"), dep);
  const before = readdirSync(directory);
  // depmod leaves out what is no ELF file; what it was asked for is found or named.
  execFileSync("musl-gcc", ["-x", "c", "-c", "/dev/null", "-o", join(directory, "object")]);
  for (const name of ["virtio_pci", "virtio_blk"]) cpSync(join(directory, "object"), join(directory, `a/${name}.ko`));
  rmSync(join(directory, "object"));
  expect([...(await readModuleTree(directory, deps())).modules.keys()].toSorted()).toEqual([
    "virtio_blk",
    "virtio_pci",
  ]);
  expect(readdirSync(directory)).toEqual(before);
});

it.each([
  ["bytes", `a/virtio_pci.ko:${" ".repeat(16 * 1024 * 1024)}\n`],
  ["lines", "a.ko:\n".repeat(70_000)],
])("a list of modules of more %s than any kernel's is refused", async (_, list) => {
  for (const name of ["modules.dep", "modules.builtin"]) {
    kernel("a/virtio_pci.ko:\n", rest);
    writeFileSync(join(directory, name), list);
    await expect(readModuleTree(directory, deps())).rejects.toMatchObject({
      code: "bad_content",
      plain: `modules: ${join(directory, name)} is too long for a list of modules; give the kernel's own modules`,
    });
  }
});

it.each([".", "6.1.0-1", "lib/modules/6.1.0-1", "usr/lib/modules/6.1.0-1"])(
  "a kernel's modules are found at %s below what was named",
  (place) => {
    mkdirSync(join(directory, place, "kernel"), { recursive: true });
    expect(modulesBelow(directory, "6.1.0-1")).toBe(join(directory, place));
  },
);

it.each([
  ["", "bad_content", /holds no modules of this kernel; give its lib\/modules\/6.1.0-1/],
  ["nowhere", "not_found", /nowhere isn't there/],
])("modules that aren't there are missed by name: %j", (below, code, message) => {
  expect(() => modulesBelow(join(directory, below), "6.1.0-1")).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
  );
});

const ofKernel = (release: string) => Buffer.from(`\0vermagic=${release} ${flags}\0`);
it.each([
  ["its own", ofKernel("6.1.0-1"), undefined],
  [
    "another kernel's",
    ofKernel("6.1.0-2"),
    /ext4.ko was built for another kernel \(6.1.0-2 SMP .*and source is 6.1.0-1/,
  ],
  ["one of its release with other flags", Buffer.from(`vermagic=6.1.0-1 SMP \0`), /built for another kernel/],
  ["no module", Buffer.from("hello"), /is no kernel module/],
])("a kernel's modules are %s", (_, content, refused) => {
  const check = () => mustFit([{ path: "a/ext4.ko", content }], fakeKernel(), { release: "6.1.0-1", pvh: true });
  if (refused === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(refused);
});

it("a kernel without modules has its drivers in itself, or is refused", () => {
  const own = ["virtio-pci", "virtio_blk", "virtio_net.napi_tx", "virtio_console", "ext4"];
  expect(() => mustHaveDrivers(fakeKernel({ holds: own }))).not.toThrow();
  expect(() => mustHaveDrivers(fakeKernel({ holds: own.slice(1) }))).toThrow(
    /no virtio_pci, built in; give .*--modules/,
  );
  expect(missingBuiltin(fakeKernel({ holds: own }), mmioDrivers)).toBe("virtio_mmio");
  const mmio = ["virtio-mmio", "vmw_vsock_virtio_transport"];
  expect(missingBuiltin(fakeKernel({ holds: [...own, ...mmio] }), mmioDrivers)).toBeUndefined();
});

const deps = () => ({
  run: createRunner({ spans: new Spans(startTracer("test", () => undefined)) }),
  signal: new AbortController().signal,
  scratch,
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
