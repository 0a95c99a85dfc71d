import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync } from "node:fs";
import { chmod, open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { templatePath } from "../../installation/units.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { readIfThere, statIfThere, syncDirectory, writeDurably } from "../host/durable-file.ts";
import { formatManifest, type Manifest, manifestName, type PackedFile, parseManifest } from "./manifest.ts";
import { mustRun, type Run } from "../host/run-program.ts";

/** A package, unpacked or installed. */
export interface Tree {
  readonly root: string;
  readonly manifest: Manifest;
}

/** A file that isn't what the manifest says. */
export interface Drift {
  readonly path: string;
  readonly what: "missing" | "changed" | "added";
}

/** Beyond what is copied there has to be so much room. */
const spareBytes = 32 * 1024 * 1024;

/** Reads the manifest of a tree; undefined where none is there. */
export function readTree(root: string): Tree | undefined {
  const path = join(root, manifestName);
  if (!existsSync(path)) return undefined;
  return { root, manifest: parseManifest(textOf(path), path) };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new BangerError("host_failed", `${path} can't be read: ${code}`, {
      cause,
      details: { hint: "Ask as root, or put its mode right: what is installed is for everybody to read." },
    });
  }
}

/** Copies a package to `target`, and refuses it when what is copied isn't what the manifest says. Nothing is there before all of it is. */
export async function installTree(
  run: Run,
  { root, manifest }: Tree,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const library = dirname(target);
  const draft = join(library, `.new-${manifest.version}`);
  const old = join(library, `.old-${manifest.version}`);
  mkdirSync(library, { recursive: true, mode: 0o755 });
  removeDrafts(library);
  mustHaveRoom(library, manifest);
  for (const file of manifest.files) {
    signal.throwIfAborted();
    await copyFile(join(root, file.path), join(draft, file.path), file);
  }
  writeDurably(join(draft, manifestName), formatManifest(manifest), 0o644);
  // All of it at once: a sync of each file would take seconds.
  await mustRun(run, "/usr/bin/sync", ["--file-system", draft]);
  if (existsSync(target)) renameSync(target, old);
  renameSync(draft, target);
  syncDirectory(library);
  rmSync(old, { recursive: true, force: true });
}

/** Removes a version, and what an installation that was cut off left of one. */
export function removeTree(target: string, version: string): void {
  const library = dirname(target);
  for (const path of [target, join(library, `.new-${version}`)]) rmSync(path, { recursive: true, force: true });
}

/** Removes what installations that were cut off left of any version. */
export function removeDrafts(library: string): void {
  for (const name of readdirSync(library).filter((entry) => /^\.(new|old)-/.test(entry)))
    rmSync(join(library, name), { recursive: true, force: true });
}

/** The versions that are installed whole, in no order. */
export function versionsIn(library: string): string[] {
  if (statIfThere(library)?.isDirectory() !== true) return [];
  return readdirSync(library, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .filter((name) => existsSync(join(library, name, manifestName)));
}

/** What isn't as the manifest says, or isn't in it. */
export async function driftOf({ root, manifest }: Tree): Promise<Drift[]> {
  const drift: Drift[] = [];
  for (const file of manifest.files) {
    const path = join(root, file.path);
    const stat = statIfThere(path);
    if (stat === undefined) drift.push({ path: file.path, what: "missing" });
    else if (
      !stat.isFile() ||
      !hasMode(stat.mode, file) ||
      stat.size !== file.size ||
      sum(await readFile(path)) !== file.sha256
    )
      drift.push({ path: file.path, what: "changed" });
  }
  const known = new Set([manifestName, ...manifest.files.map(({ path }) => path)]);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(root.length + 1);
    if (!entry.isDirectory() && !known.has(path)) drift.push({ path, what: "added" });
  }
  return drift;
}

/** A package's templates, each once it is seen to be what the manifest says: root's services are made of them before anything is copied. */
export function checkedTemplates({ root, manifest }: Tree): (name: string) => string {
  return (name) => {
    const path = templatePath(name);
    const text = readIfThere(join(root, path))?.text;
    if (text === undefined) throw damaged(`${path} is missing`);
    const packed = manifest.files.find((file) => file.path === path);
    if (sum(Buffer.from(text)) !== packed?.sha256) throw damaged(`${path} isn't what the manifest says`);
    return text;
  };
}

async function copyFile(from: string, to: string, file: PackedFile): Promise<void> {
  const bytes = await readFile(from).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    throw damaged(`${file.path} is missing`);
  });
  if (sum(bytes) !== file.sha256) throw damaged(`${file.path} isn't what the manifest says`);
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  const mode = file.executable ? 0o755 : 0o644;
  const handle = await open(to, "wx", mode);
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
  await chmod(to, mode);
}

function mustHaveRoom(library: string, { files }: Manifest): void {
  const { bavail, bsize } = statfsSync(library);
  const needed = files.reduce((all, { size }) => all + size, spareBytes);
  if (bavail * bsize >= needed) return;
  const mib = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
  throw new BangerError("no_space", `${library} has ${mib(bavail * bsize)} free, ${mib(needed)} are needed`);
}

function damaged(why: string): BangerError {
  return new BangerError("bad_content", `the package is damaged: ${why}`, {
    details: { hint: "Fetch it again, check its sum with `sha256sum --check`, and unpack it anew." },
  });
}

function hasMode(mode: number, { executable }: PackedFile): boolean {
  return (mode & 0o777) === (executable ? 0o755 : 0o644);
}

function sum(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
