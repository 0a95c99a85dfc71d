import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { withCleanup } from "../process/with-cleanup.ts";
import type { Rootless } from "./rootless.ts";

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
/** What mke2fs says when the files don't fit: of blocks, of a directory that was cut short. */
const tooSmall = /Could not allocate|not found by ext2_lookup|too small|too big to fit/i;

/** A tar archive that was looked at. */
export interface KnownTar {
  readonly file: string;
  /** What unpacks its compression, with its options. */
  readonly program?: string;
  /** The directory in it that is the root file system; empty for its top. */
  readonly root: string;
  /** How that is spelt in its members; nothing else is unpacked. */
  readonly spelt?: readonly string[];
  /** True where one archive follows another behind its end. */
  readonly joined: boolean;
  /** True where its access control lists are to be set. */
  readonly acls?: boolean;
  /** False where its extended attributes can't be set. */
  readonly xattrs?: boolean;
  /** Told what of it could not be kept. */
  readonly note?: (text: string) => void;
}

/** Makes an ext4 file system of a tar archive's content, owners and all, in `scratch`; returns its file. */
export async function ext4OfTar(
  tar: KnownTar,
  sizeMib: number | undefined,
  scratch: string,
  deps: Ext4Deps,
): Promise<string> {
  const { run, signal, rootless } = deps;
  const { within } = rootless;
  const tree = join(scratch, "tree");
  const make = async () => {
    await run({ file: "mkdir", args: [tree], on: tree, within, ownUnit: true, signal });
    await unpack(tar, tree, deps);
    return ext4OfTree(join(tree, tar.root), sizeMib, scratch, deps);
  };
  // Its files belong to other ids; only who made them may remove them, also after the caller has left.
  const remove = async () =>
    void (await run({
      file: "rm",
      args: ["-rf", "--", tree],
      on: tree,
      within,
      ownUnit: true,
      signal: new AbortController().signal,
    }));
  return withCleanup(make, remove);
}

async function unpack(
  { file, program, root, spelt = [], joined, acls, xattrs, note }: KnownTar,
  tree: string,
  deps: Ext4Deps,
): Promise<void> {
  const { run, signal, rootless } = deps;
  const told: string[] = [];
  let more = 0;
  let reason: string | undefined;
  const onLine = (line: string) => {
    if (unsaid.test(line)) return;
    if (/: Cannot /.test(line)) reason ??= line;
    if (told.length < mostTold) told.push(line);
    else more++;
  };
  const args = [...extract, ...excludes(root), "--directory", tree, "--file", file];
  if (acls === true) args.push("--acls");
  // An attribute of `security` makes fakeroot (1.31) forget what kind of file has it.
  args.push(...(xattrs === false ? ["--no-xattrs"] : ["--xattrs", "--xattrs-include=*"]));
  if (joined) args.push("--ignore-zeros");
  if (program !== undefined) args.push(`--use-compress-program=${program}`);
  args.push("--", ...spelt);
  await run({ file: "tar", args, on: file, within: rootless.within, ownUnit: true, signal, onLine }).catch(
    (cause: unknown) => {
      if (!(cause instanceof BangerError) || cause.code !== "command_failed") throw cause;
      throw new BangerError(
        "bad_content",
        `source: ${file} can't be unpacked whole: ${reason ?? told[0] ?? cause.plain}; pack it anew`,
        {
          cause,
          details: { field: "source", ...cause.details },
        },
      );
    },
  );
  // What is no failure to tar is one to whoever misses it.
  for (const line of told) note?.(`not kept: ${line}`);
  if (more > 0) note?.(`not kept: ${more} more`);
}

/** How many of tar's lines are kept. */
const mostTold = 10;

/** What tar says beside the reason, or of what it does as it should. */
const unsaid = /Exiting with failure|Removing leading|^tar: Substituting/;

/** No device node can be made without root, and a guest's kernel fills /dev by itself: that of the root, not every `dev` below. */
function excludes(root: string): string[] {
  const dev = root === "" ? "dev" : `${root}/dev`;
  return ["--anchored", `--exclude=./${dev}/*`, `--exclude=${dev}/*`, `--exclude=/${dev}/*`];
}

/** How tar unpacks a root file system. */
const extract = [
  "--extract",
  "--numeric-owner",
  "--same-owner",
  "--preserve-permissions",
  "--warning=no-unknown-keyword",
];

async function ext4OfTree(tree: string, sizeMib: number | undefined, scratch: string, deps: Ext4Deps): Promise<string> {
  const { run, signal, rootless } = deps;
  const { within } = rootless;
  const disk = join(scratch, "root.ext4");
  const { mebibytes: needed, inodes } = await contentOf(tree, deps);
  const mebibytes = sizeMib ?? Math.max(defaultMib, needed);
  // In a file that is there and whose blocks may be given back, what is zero costs nothing, and mke2fs notes that the inode
  // tables are: the guest's kernel has none to make zero in its first minutes.
  await run({ file: "truncate", args: [`--size=${mebibytes}M`, disk], on: disk, within, ownUnit: true, signal });
  const extended = "root_owner=0:0,discard,lazy_journal_init=1";
  const args = ["-q", "-F", "-t", "ext4", "-m", "0", "-L", "root", "-E", extended, "-d", tree];
  if (inodes > (mebibytes * mib) / bytesPerInode(mebibytes)) args.push("-N", String(inodes));
  await run({ file: "mke2fs", args: [...args, disk], on: disk, within, ownUnit: true, signal }).catch(
    (cause: unknown) => {
      if (sizeMib === undefined || !(cause instanceof BangerError) || !tooSmall.test(cause.plain)) throw cause;
      throw new BangerError(
        "bad_params",
        `size_mib: ${sizeMib} MiB are too few for these files; ${needed} are enough`,
        {
          cause,
          details: { field: "size_mib" },
        },
      );
    },
  );
  return disk;
}

/** How much the files of a tree need, with room to spare. */
async function contentOf(
  tree: string,
  { run, signal, rootless }: Ext4Deps,
): Promise<{ mebibytes: number; inodes: number }> {
  const count = async (...options: string[]) => {
    const { stdout } = await run({
      file: "du",
      args: ["-s", ...options, "--", tree],
      on: tree,
      within: rootless.within,
      ownUnit: true,
      signal,
    });
    return Number(stdout.split("\t")[0]);
  };
  const inodes = Math.ceil((await count("--inodes")) * 1.25) + 10_000;
  const bytes = (await count("-k")) * 1024 * 1.25 + inodes * inodeBytes;
  return { mebibytes: Math.ceil(bytes / mib) + overheadMib, inodes };
}
