import { closeSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { withCleanup } from "../process/with-cleanup.ts";
import type { Rootless } from "./rootless.ts";
import { giveBackHoles } from "./sparse-file.ts";

/** What making a file system needs. */
export interface Ext4Deps {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly rootless: Rootless;
}

const mib = 1024 * 1024;
/** How large a file system is where nobody says: a VM's root disk is that from its first moment. Only what it holds takes space. */
export const defaultMib = 20_480;
/** Beside the files: the journal and the group descriptors of a small file system. */
const overheadMib = 48;
const inodeBytes = 256;
/** mke2fs makes an inode for so many bytes of a file system; it calls one of less than 512 MiB small. */
const bytesPerInode = (mebibytes: number) => (mebibytes < 512 ? 4_096 : 16_384);
const superblockAt = 1024;
const magicAt = superblockAt + 0x38;
const writtenAt = superblockAt + 0x30;
/** What mke2fs says when the files don't fit: of blocks, of a directory that was cut short. */
const tooSmall = /Could not allocate|not found by ext2_lookup|too small|too big to fit/i;

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
  const make = async () => {
    await run({ file: "mkdir", args: [tree], within, signal });
    await run({ file: "tar", args: [...extract, "--directory", tree, "--file", tar], within, signal });
    await mustBeRootFileSystem(tar, tree, deps);
    return ext4OfTree(tree, sizeMib, scratch, deps);
  };
  // Its files belong to other ids; only who made them may remove them, also after the caller has left.
  const remove = async () =>
    void (await run({ file: "rm", args: ["-rf", "--", tree], within, signal: new AbortController().signal }));
  return withCleanup(make, remove);
}

/** How tar unpacks a root file system. */
const extract = [
  "--extract",
  "--numeric-owner",
  "--same-owner",
  "--preserve-permissions",
  "--xattrs",
  "--xattrs-include=*",
  // No device node can be made without root, and a guest's kernel fills /dev by itself: that of the top, not every `dev` below.
  "--anchored",
  "--exclude=./dev/*",
  "--exclude=dev/*",
  "--exclude=/dev/*",
];

async function ext4OfTree(tree: string, sizeMib: number | undefined, scratch: string, deps: Ext4Deps): Promise<string> {
  const { run, signal, rootless } = deps;
  const { within } = rootless;
  const disk = join(scratch, "root.ext4");
  const { mebibytes: needed, inodes } = await contentOf(tree, deps);
  const mebibytes = sizeMib ?? Math.max(defaultMib, needed);
  // In a file that is there and whose blocks may be given back, what is zero costs nothing, and mke2fs notes that the inode
  // tables are: the guest's kernel has none to make zero in its first minutes.
  await run({ file: "truncate", args: [`--size=${mebibytes}M`, disk], within, signal });
  const extended = "root_owner=0:0,discard,lazy_journal_init=1";
  const args = ["-q", "-F", "-t", "ext4", "-m", "0", "-L", "root", "-E", extended, "-d", tree];
  if (inodes > (mebibytes * mib) / bytesPerInode(mebibytes)) args.push("-N", String(inodes));
  await run({ file: "mke2fs", args: [...args, disk], within, signal }).catch((cause: unknown) => {
    if (sizeMib === undefined || !(cause instanceof BangerError) || !tooSmall.test(cause.plain)) throw cause;
    throw new BangerError("bad_params", `size_mib: ${sizeMib} MiB are too few for these files; ${needed} are enough`, {
      cause,
      details: { field: "size_mib" },
    });
  });
  return disk;
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

/** How much the files of a tree need, with room to spare. */
async function contentOf(
  tree: string,
  { run, signal, rootless }: Ext4Deps,
): Promise<{ mebibytes: number; inodes: number }> {
  const count = async (...options: string[]) => {
    const { stdout } = await run({ file: "du", args: ["-s", ...options, "--", tree], within: rootless.within, signal });
    return Number(stdout.split("\t")[0]);
  };
  const inodes = Math.ceil((await count("--inodes")) * 1.25) + 10_000;
  const bytes = (await count("-k")) * 1024 * 1.25 + inodes * inodeBytes;
  return { mebibytes: Math.ceil(bytes / mib) + overheadMib, inodes };
}

/** Copies an ext4 file without its holes, checks it, and grows the copy to the default size if it is smaller. */
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
  if (statSync(disk).size < defaultMib * mib) await grow(disk, { run, signal });
  return disk;
}

/** Grows a file system that was checked. One content grows to one content: what is dated is dated as it was. */
async function grow(disk: string, { run, signal }: Omit<Ext4Deps, "rootless">): Promise<void> {
  const written = numberAt(disk, writtenAt);
  await run({ file: "truncate", args: [`--size=${defaultMib}M`, disk], signal });
  // Inode tables that are made zero here are none that the guest's kernel has to; they are holes again afterwards.
  const env = { ...process.env, E2FSPROGS_FAKE_TIME: String(written), RESIZE2FS_FORCE_ITABLE_INIT: "1" };
  await run({ file: "resize2fs", args: ["-f", disk], env, signal });
  await giveBackHoles(disk);
}

function numberAt(path: string, position: number): number {
  const fd = openSync(path, "r");
  try {
    const number = Buffer.alloc(4);
    readSync(fd, number, 0, number.length, position);
    return number.readUInt32LE(0);
  } finally {
    closeSync(fd);
  }
}
