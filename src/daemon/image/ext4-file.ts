import { statSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { defaultMib, type Ext4Deps } from "./ext4.ts";
import { extSuperblock } from "./ext-superblock.ts";
import { refused } from "./source.ts";
import { giveBackHoles } from "./sparse-file.ts";

const mib = 1024 * 1024;
type Deps = Omit<Ext4Deps, "rootless">;

/** Copies an ext4 file without its holes; returns the copy. */
export async function copyExt4(source: string, scratch: string, deps: Deps, named = source): Promise<string> {
  extSuperblock(source, statSync(source).size, named);
  const disk = join(scratch, "root.ext4");
  await deps.run({
    file: "cp",
    args: ["--sparse=always", "--reflink=auto", "--", source, disk],
    on: disk,
    signal: deps.signal,
  });
  return checkedExt4(disk, named, deps);
}

/** Checks a copy of a file system, completes what its journal holds, and grows it to the default size if it is smaller. */
export async function checkedExt4(disk: string, named: string, deps: Deps): Promise<string> {
  const { run, signal } = deps;
  const before = extSuperblock(disk, statSync(disk).size, named);
  if (statSync(disk).size % mib !== 0) await run({ file: "truncate", args: ["--size=%1M", disk], on: disk, signal });
  // One content comes to one content: what is dated is dated as it was.
  const env = { ...process.env, E2FSPROGS_FAKE_TIME: String(before.written) };
  if (before.needsRecovery) {
    // e2fsck ends with 1 when it has mended something, which was the purpose.
    const recover = ["-c", 'e2fsck -y -E journal_only "$1" || [ $? -eq 1 ]', "sh", disk];
    await run({ file: "sh", args: recover, on: disk, env, signal }).catch((cause: unknown) => damaged(named, cause));
  }
  await run({ file: "e2fsck", args: ["-n", "-f", disk], on: disk, signal }).catch((cause: unknown) =>
    damaged(named, cause),
  );
  await mustBeRootFileSystem(disk, named, deps);
  if (statSync(disk).size < defaultMib * mib) await grow(disk, env, deps);
  return disk;
}

function damaged(named: string, cause: unknown): never {
  if (!(cause instanceof BangerError) || cause.code !== "command_failed") throw cause;
  const features = /unsupported (?:read-only )?feature\(s\):? ?(.*)/.exec(String(cause.details?.["stderr"]))?.[1];
  if (features !== undefined) {
    throw refused(
      named,
      `uses file system features that this host's e2fsck doesn't know (${features}); make it anew without them`,
      cause,
    );
  }
  throw new BangerError(
    "bad_content",
    `source: the file system in ${named} is damaged; e2fsck -fy mends a copy of it`,
    {
      cause,
      details: { field: "source", ...cause.details },
    },
  );
}

/** As for an archive: a file system without programs is nobody's root. */
async function mustBeRootFileSystem(disk: string, named: string, { run, signal }: Deps): Promise<void> {
  const { stdout } = await run({ file: "debugfs", args: ["-R", "ls -p /", disk], on: disk, signal });
  const names = stdout.split("\n").map((line) => line.split("/")[5]);
  if (["bin", "usr", "sbin"].some((name) => names.includes(name))) return;
  throw refused(
    named,
    "holds no root file system: it has neither bin, sbin nor usr at its top; give the one that does",
  );
}

async function grow(disk: string, env: NodeJS.ProcessEnv, { run, signal }: Deps): Promise<void> {
  await run({ file: "truncate", args: [`--size=${defaultMib}M`, disk], on: disk, signal });
  // Inode tables that are made zero here are none that the guest's kernel has to; they are holes again afterwards.
  await run({
    file: "resize2fs",
    args: ["-f", disk],
    on: disk,
    env: { ...env, RESIZE2FS_FORCE_ITABLE_INIT: "1" },
    signal,
  });
  await giveBackHoles(disk);
}
