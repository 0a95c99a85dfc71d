import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { cpioArchive } from "./cpio.ts";
import type { KernelModule } from "./modules.ts";

/** The initrd of a kernel: the modules a guest needs, `init` and the agent. A VM's own configuration is appended when it starts. */
export function kernelInitrd(modules: readonly KernelModule[], guestPrograms: string): Buffer {
  const paths = modules.map(({ path }) => `banger/lib/${path.slice(path.lastIndexOf("/") + 1)}`);
  return cpioArchive([
    ...["dev", "proc", "sys", "root", "banger", "banger/lib"].map((path) => ({ path, mode: 0o755 })),
    { path: "init", mode: 0o755, content: program(guestPrograms, "init") },
    { path: "banger/agent", mode: 0o755, content: program(guestPrograms, "banger-agent") },
    { path: "banger/modules", mode: 0o644, content: Buffer.from(paths.map((path) => `/${path}\n`).join("")) },
    ...modules.map(({ content }, index) => ({ path: paths[index] ?? "", mode: 0o644, content })),
  ]);
}

function program(directory: string, name: string): Buffer {
  try {
    return readFileSync(join(directory, name));
  } catch (cause) {
    throw new BangerError(
      "missing_tool",
      `the guest's program ${join(directory, name)} isn't there; \`make build\` makes it`,
      {
        cause,
      },
    );
  }
}
