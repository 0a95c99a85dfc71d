import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { chooseAccelerator } from "../../../src/daemon/vmm/accelerator.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-accel-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

it.each([
  ["no device", false, "fpu vmx", "tcg", /there is no/],
  ["a device, but a CPU without virtualisation", true, "fpu sse", "tcg", /neither vmx nor svm/],
  ["a device and an Intel CPU", true, "fpu vmx", "kvm", /hardware/],
  ["a device and an AMD CPU", true, "fpu svm", "kvm", /hardware/],
] as const)("with %s, guests run by the accelerator that can run them", (_, device, flags, kind, why) => {
  const files = { device: join(directory, "kvm"), cpuinfo: join(directory, "cpuinfo") };
  if (device) writeFileSync(files.device, "");
  writeFileSync(files.cpuinfo, `processor\t: 0\nflags\t\t: ${flags}\n`);
  const chosen = chooseAccelerator(files);
  expect(chosen.kind).toBe(kind);
  expect(chosen.why).toMatch(why);
});
