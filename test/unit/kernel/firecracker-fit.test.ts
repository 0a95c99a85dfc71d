import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { unfitForFirecracker, whyNotFirecracker } from "../../../src/daemon/kernel/firecracker-fit.ts";
import { kernelInitrd } from "../../../src/daemon/kernel/kernel-initrd.ts";
import { fakeKernel } from "../../support/fake-kernel.ts";

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "banger-fit-"))));
afterEach(() => rmSync(directory, { recursive: true }));

const configured = (...options: string[]) =>
  Buffer.concat([
    fakeKernel(),
    Buffer.from("IKCFG_ST"),
    gzipSync(options.map((option) => `CONFIG_${option}\n`).join("")),
    Buffer.from("IKCFG_ED"),
  ]);
const serial = "SERIAL_8250_CONSOLE=y";

it.each([
  ["says nothing of its options", fakeKernel(), undefined, undefined],
  ["has them", configured(serial, "VIRTIO_MMIO=m", "ACPI=y"), undefined, undefined],
  [
    "is told of devices otherwise",
    configured(serial, "VIRTIO_MMIO=y", "VIRTIO_MMIO_CMDLINE_DEVICES=y"),
    undefined,
    undefined,
  ],
  ["has no console", configured("VIRTIO_MMIO=y", "ACPI=y"), undefined, /without CONFIG_SERIAL_8250_CONSOLE$/],
  [
    "is told of no devices",
    configured(serial, "VIRTIO_MMIO=y"),
    undefined,
    /without CONFIG_ACPI or CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES$/,
  ],
  ["lacks a driver", fakeKernel(), "virtio_mmio", /no virtio_mmio, neither built in nor as a module/],
])("Firecracker and a kernel that %s", (_, elf, driver, why) => {
  const said = unfitForFirecracker({ boot: elf, elf }, driver);
  if (why === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(why);
});

it("Firecracker boots no bzImage", () => {
  expect(unfitForFirecracker({ boot: Buffer.from("MZ"), elf: fakeKernel() }, undefined)).toMatch(/bzImage/);
});

const unfitInitrd = (why: string) => kernelInitrd({ pci: [], mmio: undefined }, why);

it.each([
  ["made for it", fakeKernel(), kernelInitrd({ pci: [], mmio: [] }), undefined],
  ["kept as a bzImage", Buffer.from("MZ"), kernelInitrd({ pci: [], mmio: [] }), /Firecracker boots ELF files alone/],
  [
    "without a driver",
    fakeKernel(),
    unfitInitrd("it has no virtio_mmio, neither built in nor as a module"),
    /^it has no virtio_mmio, neither built in nor as a module$/,
  ],
  [
    "by a banger that knew no Firecracker",
    fakeKernel(),
    kernelInitrd({ pci: [], mmio: undefined }),
    /`banger kernel import` it again/,
  ],
])("a kernel that was imported tells by its files: %s", (_, kernel, initrd, why) => {
  const files = { vmlinux: join(directory, "vmlinux"), initrd: join(directory, "initrd") };
  writeFileSync(files.vmlinux, kernel);
  writeFileSync(files.initrd, initrd);
  const said = whyNotFirecracker(files);
  if (why === undefined) expect(said).toBeUndefined();
  else expect(said).toMatch(why);
});

const moduleOf = (path: string) => ({ path, content: Buffer.from(`content of ${path}`) });

it("a module that both kinds of machine need is in an initrd once", () => {
  const [pci, blk, mmio] = ["a/virtio_pci.ko", "a/virtio_blk.ko", "a/virtio_mmio.ko"].map(moduleOf) as [
    ReturnType<typeof moduleOf>,
    ReturnType<typeof moduleOf>,
    ReturnType<typeof moduleOf>,
  ];
  const text = kernelInitrd({ pci: [pci, blk], mmio: [mmio, blk] }).toString("latin1");
  expect(text).toContain("/banger/lib/virtio_pci.ko\n/banger/lib/virtio_blk.ko\n");
  expect(text).toContain("/banger/lib/virtio_mmio.ko\n/banger/lib/virtio_blk.ko\n");
  expect(text.split("content of a/virtio_blk.ko")).toHaveLength(2);
});
