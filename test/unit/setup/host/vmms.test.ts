import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { placesBelow } from "../../../../src/setup/host/places.ts";
import { vmmsOf } from "../../../../src/setup/host/vmms.ts";

const vmId = "00112233445566ff";
const uid = process.getuid?.() ?? 0;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "banger-vmms-"));
});
afterEach(() => rmSync(root, { recursive: true }));

it.each([
  ["QEMU", ["/usr/bin/qemu-system-x86_64", "-name", `banger:5eed0002:${vmId}`, "-cpu", "host"], vmId],
  ["a jailed Firecracker", ["/firecracker", "--id", vmId, "--start-time-us", "1", "--api-sock", "/vm/api.sock"], vmId],
  ["a caged Firecracker", ["/usr/bin/firecracker", "--id", vmId, "--api-sock", "/run/api.sock"], vmId],
  ["what says no VM", ["/bin/sh", "-c", "true"], "4711"],
])("the VM of %s is read from its command line", (_, argv, expected) => {
  mkdirSync(join(root, "proc/4711"), { recursive: true });
  writeFileSync(join(root, "proc/4711/cmdline"), argv.map((word) => `${word}\0`).join(""));
  expect(vmmsOf(placesBelow(root), { uidFirst: uid, uidCount: 1 })).toEqual([{ pid: 4711, uid, vmId: expected }]);
});
