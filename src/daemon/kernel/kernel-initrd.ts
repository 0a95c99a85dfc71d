import { cpioArchive, type CpioEntry } from "./cpio.ts";
import type { KernelModule } from "./modules.ts";

/** The modules that guests of a kernel load, each after what it depends on. */
export interface GuestModules {
  /** Where a machine's devices are PCI's. */
  readonly pci: readonly KernelModule[];
  /** Where they are virtio's own; undefined for a kernel that isn't for such a machine. */
  readonly mmio: readonly KernelModule[] | undefined;
}

/** Where an initrd for such a machine has its list. */
export const mmioModulesList = "banger/modules-mmio";

/** Where an initrd for no such machine has the reason, in a line. */
export const noMmioReason = "banger/no-mmio";

/** The initrd of a kernel: the modules that a guest needs; `unfit` says why it is for no machine with virtio's own devices. The guest's programs and a VM's own configuration are put behind it when one starts. */
export function kernelInitrd({ pci, mmio }: GuestModules, unfit?: string): Buffer {
  const files = new Map([...pci, ...(mmio ?? [])].map((module) => [placeOf(module), module.content]));
  return cpioArchive([
    ...["dev", "proc", "sys", "root", "banger", "banger/lib"].map((path) => ({ path, mode: 0o755 })),
    list("banger/modules", pci),
    ...(mmio === undefined ? [] : [list(mmioModulesList, mmio)]),
    ...(unfit === undefined ? [] : [{ path: noMmioReason, mode: 0o644, content: Buffer.from(`${unfit}\n`) }]),
    ...[...files].map(([path, content]) => ({ path, mode: 0o644, content })),
  ]);
}

/** The order in which they are loaded. */
function list(path: string, modules: readonly KernelModule[]): CpioEntry {
  return { path, mode: 0o644, content: Buffer.from(modules.map((module) => `/${placeOf(module)}\n`).join("")) };
}

function placeOf({ path }: KernelModule): string {
  return `banger/lib/${path.slice(path.lastIndexOf("/") + 1)}`;
}
