import { expect, it } from "vitest";
import { qemuArgv } from "../../../src/helper/vmm/qemu-argv.ts";
import { inheritedFiles, type VmmFiles } from "../../../src/helper/vmm/vmm-files.ts";

const bound: VmmFiles = { path: (name) => `/run/vmm/${name}`, fdsets: [] };
const argv = (files: VmmFiles, diskFormat: "qcow2" | "raw" = "qcow2") =>
  qemuArgv({
    name: "banger:5eed0001:00112233445566ff",
    cpus: 1,
    memoryMib: 128,
    accel: "tcg",
    tap: "bt5ee0011223344",
    mac: "02:00:11:22:33:44",
    files,
    diskFormat,
    sockets: { qmp: "/run/vm/qmp.sock", agent: "/run/vm/agent.sock" },
  });

it("files that are inherited are named by their descriptors", () => {
  const line = argv(inheritedFiles).join(" ");
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
  const layers = argv(inheritedFiles, "raw").filter((_, index, all) => all[index - 1] === "-blockdev");
  expect(layers).toEqual([
    "driver=file,node-name=root-file,filename=/dev/fdset/2,locking=off,discard=unmap",
    "driver=raw,node-name=root,file=root-file,discard=unmap",
  ]);
});

it("nothing but the two sockets and the standard descriptors is opened for others", () => {
  const chardevs = argv(inheritedFiles).filter((_, index, all) => all[index - 1] === "-chardev");
  expect(chardevs).toEqual([
    "stdio,id=console,signal=off",
    "socket,id=agent,path=/run/vm/agent.sock,server=on,wait=off",
    "socket,id=qmp,path=/run/vm/qmp.sock,server=on,wait=off",
  ]);
});
