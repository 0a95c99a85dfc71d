import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { cpioArchive } from "../kernel/cpio.ts";

/** Gives the archive with `init` and the agent of this version, which follows the kernel's in a VM's initrd: the kernel lets a later file replace an earlier one. The files in `directory` are read at the first call, once. */
export function guestPrograms(directory: string): () => Buffer {
  let archive: Buffer | undefined;
  return () => {
    archive ??= cpioArchive([
      { path: "banger", mode: 0o755 },
      { path: "init", mode: 0o755, content: program(directory, "init") },
      { path: "banger/agent", mode: 0o755, content: program(directory, "banger-agent") },
    ]);
    return archive;
  };
}

function program(directory: string, name: string): Buffer {
  const path = join(directory, name);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new BangerError("missing_tool", `the guest's program ${path} isn't there; \`make build\` makes it`, {
      cause,
    });
  }
}
