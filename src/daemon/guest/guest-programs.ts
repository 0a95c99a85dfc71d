import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { cpioArchive, type CpioEntry } from "../kernel/cpio.ts";

/** Gives the archive with `init` and the agent of this version, which follows the kernel's in a VM's initrd: the kernel lets a later file replace an earlier one. The files in `directory` are read at the first call, once. */
export function guestPrograms(directory: string): () => Buffer {
  let archive: Buffer | undefined;
  return () => {
    archive ??= cpioArchive([
      { path: "banger", mode: 0o755 },
      { path: "init", mode: 0o755, content: program(directory, "init") },
      { path: "banger/agent", mode: 0o755, content: program(directory, "banger-agent") },
      ...checker(),
    ]);
    return archive;
  };
}

/** What mends a root disk before it is mounted. It can't come from that disk; Debian has it in the package e2fsck-static. */
const e2fsck = "/sbin/e2fsck.static";

/** Without it the kernel completes the journal, as ever, and `init` says on the console that errors were not mended. */
function checker(): CpioEntry[] {
  return existsSync(e2fsck) ? [{ path: "banger/e2fsck", mode: 0o755, content: readFileSync(e2fsck) }] : [];
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
