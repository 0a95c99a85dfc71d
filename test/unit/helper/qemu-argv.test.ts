import { expect, it } from "vitest";
import { qemuArgv } from "../../../src/helper/vmm/qemu-argv.ts";
import type { DiskFormat } from "../../../src/rpc/contract/disk-kind.ts";
import { inheritedFiles, type VmmFiles } from "../../../src/helper/vmm/vmm-files.ts";

const bound: VmmFiles = {
  path: (name) => `/run/vmm/${name}`,
  volume: (index) => `/run/vmm/volume${index}`,
  fdsets: [],
};
const argv = (files: VmmFiles, diskFormat: DiskFormat = "qcow2", volumes: string[] = []) =>
  qemuArgv({
    name: "banger:5eed0001:00112233445566ff",
    cpus: 1,
    memoryMib: 128,
    accel: "tcg",
    tap: "bt5ee0011223344",
    mac: "02:00:11:22:33:44",
    files,
    diskFormat,
    volumes,
    sockets: { qmp: "/run/vm/qmp.sock", agent: "/run/vm/agent.sock" },
  });

it("an emulated guest is told how fast its time-stamp counter counts, where that is known; one under KVM asks KVM", () => {
  const given = { name: "a", cpus: 1, memoryMib: 128, tap: undefined, mac: "", files: inheritedFiles(0), volumes: [] };
  const sockets = { qmp: "/run/vm/qmp.sock", agent: "/run/vm/agent.sock" };
  const line = (accel: "kvm" | "tcg", tscKhz?: number) =>
    qemuArgv({ ...given, diskFormat: "raw", sockets, accel, tscKhz }).join(" ");
  expect(line("tcg", 2_594_590)).toContain(" tsc_early_khz=2594590");
  expect(line("tcg")).not.toContain("tsc_early_khz");
  expect(line("kvm", 2_594_590)).not.toContain("tsc_early_khz");
});

it("files that are inherited are named by their descriptors", () => {
  const line = argv(inheritedFiles(0)).join(" ");
  expect(line).toContain("-add-fd fd=3,set=1 -add-fd fd=4,set=2");
  expect(line).toContain("filename=/dev/fdset/1,read-only=on");
  expect(line).toContain("filename=/dev/fdset/2,locking=off");
  expect(line).toContain("-kernel /proc/self/fd/5 -initrd /proc/self/fd/6");
});

it("files that have a path, as in a unit or a jail, need no descriptor", () => {
  const line = argv(bound).join(" ");
  expect(line).not.toMatch(/add-fd|fdset|proc\/self/);
  expect(line).toContain("filename=/run/vmm/image,read-only=on");
  expect(line).toContain("-kernel /run/vmm/kernel -initrd /run/vmm/initrd");
});

it("a raw disk is opened as one, whatever a guest wrote at its beginning, and without its image", () => {
  const layers = argv(inheritedFiles(0), "raw").filter((_, index, all) => all[index - 1] === "-blockdev");
  expect(layers).toEqual([
    "driver=file,node-name=root-file,filename=/dev/fdset/2,locking=off,discard=unmap",
    "driver=raw,node-name=root,file=root-file,discard=unmap",
  ]);
});

it("a device is opened past the host's cache, and stops its guest also where it can't be read", () => {
  const line = argv(inheritedFiles(0), "snapshot").join(" ");
  expect(line).toContain(
    "-blockdev driver=host_device,node-name=root-file,filename=/dev/fdset/2,locking=off,discard=unmap,cache.direct=on",
  );
  expect(line).toContain("virtio-blk-pci,drive=root,werror=stop,rerror=stop");
  expect(line).not.toContain("image-file");
});

it("nothing but the two sockets and the standard descriptors is opened for others", () => {
  const chardevs = argv(inheritedFiles(0)).filter((_, index, all) => all[index - 1] === "-chardev");
  expect(chardevs).toEqual([
    "stdio,id=console,signal=off",
    "socket,id=agent,path=/run/vm/agent.sock,server=on,wait=off",
    "socket,id=qmp,path=/run/vm/qmp.sock,server=on,wait=off",
  ]);
});

it("volumes come behind the root disk, raw and locked, each with its id for its guest to find it by", () => {
  const ids = ["00112233445566aa", "00112233445566bb"];
  const line = argv(inheritedFiles(ids.length), "raw", ids).join(" ");
  expect(line).toContain("-add-fd fd=10,set=3 -add-fd fd=11,set=4");
  const devices = [...line.matchAll(/virtio-blk-pci,(\S+)/g)].map(([, device]) => device);
  expect(devices).toEqual([
    "drive=root,werror=stop",
    "drive=volume0,serial=00112233445566aa,werror=stop",
    "drive=volume1,serial=00112233445566bb,werror=stop",
  ]);
  expect(line).toContain("node-name=volume1-file,filename=/dev/fdset/4,locking=on");
  expect(line).toContain("driver=raw,node-name=volume1,file=volume1-file");
});
