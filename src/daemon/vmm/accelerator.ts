import { accessSync, constants, readFileSync } from "node:fs";
import type { Accelerator } from "./driver.ts";

/** Whether this host's KVM can run an ordinary guest. A /dev/kvm that opens isn't enough: some hosts have one without `vmx` or `svm`. */
export function chooseAccelerator(
  files: { readonly device: string; readonly cpuinfo: string } = { device: "/dev/kvm", cpuinfo: "/proc/cpuinfo" },
): { kind: Accelerator; why: string } {
  try {
    accessSync(files.device, constants.F_OK);
  } catch {
    return { kind: "tcg", why: `there is no ${files.device}` };
  }
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync(files.cpuinfo, "utf8"))?.[1]?.split(" ") ?? [];
  if (!flags.includes("vmx") && !flags.includes("svm")) {
    return { kind: "tcg", why: `${files.device} is there, but the CPU has neither vmx nor svm` };
  }
  return { kind: "kvm", why: "the CPU has hardware virtualisation" };
}
