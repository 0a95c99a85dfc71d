import { closeSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import type { Rootless } from "./rootless.ts";

/** What making a file system needs. */
export interface Ext4Deps {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly rootless: Rootless;
}

const mib = 1024 * 1024;
/** Beside the files: the journal and the inode tables of a small file system. */
const overheadMib = 48;
const leastMib = 64;
const superblockAt = 1024;
const magicAt = superblockAt + 0x38;

/** Makes an ext4 file system of a tar archive's content, owners and all, in `scratch`; returns its file. */
export async function ext4OfTar(
  tar: string,
  sizeMib: number | undefined,
  scratch: string,
  deps: Ext4Deps,
): Promise<string> {
  const { run, signal, rootless } = deps;
  const { within } = rootless;
  const tree = join(scratch, "tree");
  const disk = join(scratch, "root.ext4");
  try {
    await run({ file: "mkdir", args: [tree], within, signal });
    // No device node can be made without root; a guest's kernel fills /dev by itself.
    const args = [
      "--extract",
      "--file",
      tar,
      "--directory",
      tree,
      "--numeric-owner",
      "--same-owner",
      "--preserve-permissions",
    ];
    await run({
      file: "tar",
      args: [...args, "--xattrs", "--xattrs-include=*", "--exclude=./dev/*", "--exclude=dev/*"],
      within,
      signal,
    });
    await mustBeRootFileSystem(tar, tree, deps);
    const mebibytes = sizeMib ?? (await sizeFor(tree, deps));
    const options = ["-q", "-F", "-t", "ext4", "-m", "0", "-L", "root", "-E", "root_owner=0:0,nodiscard"];
    await run({ file: "mke2fs", args: [...options, "-d", tree, disk, `${mebibytes}M`], within, signal });
    return disk;
  } finally {
    // Its files belong to other ids; only who made them may remove them, also after the caller has left.
    await run({ file: "rm", args: ["-rf", "--", tree], within, signal: new AbortController().signal });
  }
}

/** Refuses a file that holds no ext4 file system (its magic number is that of the whole ext family). */
export function isExt4(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const magic = Buffer.alloc(2);
    return readSync(fd, magic, 0, 2, magicAt) === 2 && magic.readUInt16LE(0) === 0xef53;
  } finally {
    closeSync(fd);
  }
}

async function mustBeRootFileSystem(tar: string, tree: string, { run, signal, rootless }: Ext4Deps): Promise<void> {
  const { stdout } = await run({ file: "ls", args: ["-1", "--", tree], within: rootless.within, signal });
  const found = new Set(stdout.split("\n"));
  if (["bin", "usr", "sbin"].some((name) => found.has(name))) return;
  throw new BangerError(
    "bad_content",
    `source: ${tar} is not a root file system: it has neither bin, sbin nor usr at its top`,
    {
      details: { field: "source" },
    },
  );
}

async function sizeFor(tree: string, { run, signal, rootless }: Ext4Deps): Promise<number> {
  const { stdout } = await run({ file: "du", args: ["-sk", "--", tree], within: rootless.within, signal });
  const usedMib = Number(stdout.split("\t")[0]) / 1024;
  return Math.max(leastMib, Math.ceil(usedMib * 1.25) + overheadMib);
}

/** Copies an ext4 file without its holes, and checks it without changing it. */
export async function copyExt4(
  source: string,
  scratch: string,
  { run, signal }: Omit<Ext4Deps, "rootless">,
): Promise<string> {
  const disk = join(scratch, "root.ext4");
  await run({ file: "cp", args: ["--sparse=always", "--reflink=auto", "--", source, disk], signal });
  if (statSync(disk).size % mib !== 0) await run({ file: "truncate", args: ["--size=%1M", disk], signal });
  await run({ file: "e2fsck", args: ["-n", "-f", disk], signal }).catch((cause: unknown) => {
    rmSync(disk, { force: true });
    if (!(cause instanceof BangerError) || cause.code !== "command_failed") throw cause;
    throw new BangerError("bad_content", `source: the file system in ${source} is damaged; e2fsck can mend it`, {
      cause,
      ...(cause.details === undefined ? {} : { details: cause.details }),
    });
  });
  return disk;
}
