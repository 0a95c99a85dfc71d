import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { streamBytes } from "../../archive/byte-source.ts";
import { readTar } from "../../archive/tar-reader.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { mustBeReadable, reading } from "../process/source-file.ts";

/** What reading a Debian kernel package needs. */
export interface DebianKernelDeps {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** Says what is done now. */
  readonly progress: (text: string) => Promise<void>;
}

/** A kernel's file, and the directory of its modules, where they are not in the kernel itself. */
export interface KernelFiles {
  readonly kernel: string;
  readonly modules: string | undefined;
}

/** Downloads the packages of a Debian (or Ubuntu) kernel by a package's name, through the host's own package sources; returns the .deb files. */
export async function downloadPackages(name: string, scratch: string, deps: DebianKernelDeps): Promise<string[]> {
  const file = await download(name, scratch, deps);
  const { own, depends } = await fieldsOf(file, deps);
  const kernel = depends.find(isKernel);
  // `linux-image-cloud-amd64` and its like hold no kernel, and depend on the package that does.
  if (!isKernel(own) && kernel !== undefined) return downloadPackages(kernel, scratch, deps);
  // Ubuntu has a kernel's modules in a package of their own.
  const modules = depends.find((needed) => needed.startsWith("linux-modules-"));
  return modules === undefined ? [file] : [file, await download(modules, scratch, deps)];
}

async function download(name: string, scratch: string, { run, signal, progress }: DebianKernelDeps): Promise<string> {
  await progress(`downloading ${name}`);
  const before = new Set(readdirSync(scratch));
  // Where root itself is the owner, apt would hand over to a user that can't write here.
  const args = ["-o", "APT::Sandbox::User=", "download", name];
  await run({ file: "apt-get", args, cwd: scratch, signal }).catch((cause: unknown) => {
    const words = cause instanceof BangerError ? String(cause.details?.["stderr"]) : "";
    if (!/Unable to locate package|no installation candidate|Can't select candidate/i.test(words)) throw cause;
    throw new BangerError(
      "not_found",
      `source: there is no package ${name}, says apt, and no such file; \`apt-cache search linux-image\` lists what there is`,
      { cause, details: { field: "source", hint: "Give a package's name, or the path of a file." } },
    );
  });
  const file = readdirSync(scratch).find((found) => found.endsWith(".deb") && !before.has(found));
  if (file === undefined)
    throw new BangerError("not_found", `source: apt downloaded nothing for ${name}`, {
      details: { field: "source", hint: "Check the package's name: `apt-cache search linux-image` lists kernels." },
    });
  return join(scratch, file);
}

async function fieldsOf(path: string, { run, signal }: DebianKernelDeps): Promise<{ own: string; depends: string[] }> {
  const { stdout } = await run({ file: "dpkg-deb", args: ["--field", path, "Package", "Depends"], on: path, signal });
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(stdout)?.[1] ?? "";
  const names = field("Depends").split(/[,|]/);
  return { own: field("Package"), depends: names.map((part) => part.trim().split(" ")[0] ?? "") };
}

/** True for the name of a package that holds one kernel, of one release. */
function isKernel(name: string): boolean {
  return /^linux-image-(unsigned-)?\d/.test(name);
}

/** Unpacks the Debian packages of a kernel below `scratch`. */
export async function unpackPackages(
  paths: readonly string[],
  scratch: string,
  deps: DebianKernelDeps,
): Promise<KernelFiles> {
  await deps.progress("unpacking the package");
  const tree = join(scratch, "tree");
  mkdirSync(tree);
  const { run, signal } = deps;
  for (const path of paths) {
    const extract = async () => {
      await mustBeOfAKernelsSize(path, deps);
      await run({ file: "dpkg-deb", args: ["--extract", path, tree], on: path, signal });
    };
    await extract().catch((cause: unknown) => {
      if (!(cause instanceof BangerError) || cause.code !== "command_failed") throw cause;
      throw notWhole(path, cause);
    });
  }
  return reading("source", () => filesIn(tree));
}

/** What a package unpacks to at most; a kernel whose modules have all their symbols for debugging takes half of it. */
const most = { gib: 8, bytes: 8 * 1024 ** 3 };
/** What a name takes, though it be empty. */
const nameBytes = 4_096;

/** Refuses a package before it fills the disk. */
async function mustBeOfAKernelsSize(path: string, { run, signal }: DebianKernelDeps): Promise<void> {
  const readStdout = async (chunks: AsyncIterable<Buffer>) => {
    let bytes = 0;
    const end = await readTar(streamBytes(chunks), ({ size }) => {
      bytes += Math.max(size, nameBytes);
      if (bytes <= most.bytes) return;
      throw new BangerError(
        "bad_content",
        `source: ${path} unpacks to more than ${most.gib} GiB, as no kernel does; give its vmlinuz, and its modules with --modules`,
        { details: { field: "source" } },
      );
    });
    if (end === "truncated" || end === "no header") throw notWhole(path);
  };
  await run({ file: "dpkg-deb", args: ["--fsys-tarfile", path], on: path, readStdout, signal });
}

function notWhole(path: string, cause?: BangerError): BangerError {
  return new BangerError("bad_content", `source: ${path} is no whole Debian package`, {
    cause,
    details: { field: "source" },
  });
}

/** Finds them in what a package held, which may have anything of any kind by their names. */
function filesIn(tree: string): KernelFiles {
  // Packages from merged-/usr releases have their modules below /usr.
  const releases = ["lib/modules", "usr/lib/modules"].map((place) => join(tree, place));
  const modules = releases.flatMap((place) => namesIn(place).map((release) => join(place, release)))[0];
  const boot = join(tree, "boot");
  const kernels = namesIn(boot).filter((name) => name.startsWith("vmlinuz-"));
  const kernel = [
    ...kernels.map((name) => join(boot, name)),
    ...(modules === undefined ? [] : [join(modules, "vmlinuz")]),
  ].find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
  if (kernel === undefined) {
    throw new BangerError(
      "bad_content",
      "source: the package holds no kernel; those that do are called linux-image-<release>",
      {
        details: { field: "source" },
      },
    );
  }
  mustBeReadable(kernel, "source");
  return { kernel, modules };
}

function namesIn(directory: string): string[] {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(directory) : [];
}
