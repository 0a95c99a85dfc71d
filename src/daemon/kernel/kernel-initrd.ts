import { cpioArchive } from "./cpio.ts";
import type { KernelModule } from "./modules.ts";

/** The initrd of a kernel: the modules that a guest needs. The guest's programs and a VM's own configuration are put behind it when one starts. */
export function kernelInitrd(modules: readonly KernelModule[]): Buffer {
  const paths = modules.map(({ path }) => `banger/lib/${path.slice(path.lastIndexOf("/") + 1)}`);
  return cpioArchive([
    ...["dev", "proc", "sys", "root", "banger", "banger/lib"].map((path) => ({ path, mode: 0o755 })),
    { path: "banger/modules", mode: 0o644, content: Buffer.from(paths.map((path) => `/${path}\n`).join("")) },
    ...modules.map(({ content }, index) => ({ path: paths[index] ?? "", mode: 0o644, content })),
  ]);
}
