import { expect, it } from "vitest";
import { isTooOld } from "../../../src/daemon/vmm/vmm-versions.ts";

it.each<["qemu" | "firecracker", string | undefined, boolean]>([
  ["firecracker", "1.16.1", false],
  ["firecracker", "1.7.0", false],
  ["firecracker", "1.7", false],
  ["firecracker", "v1.10.0-dev", false],
  ["firecracker", "1.6.9", true],
  ["firecracker", "0.25.2", true],
  ["firecracker", "unknown", false],
  ["firecracker", undefined, false],
  ["qemu", "7.2.19 (Debian 1:7.2+dfsg-7)", false],
  ["qemu", "7.0.0", true],
])("%s %s is too old: %s", (kind, version, expected) => {
  expect(isTooOld(kind, version)).toBe(expected);
});
