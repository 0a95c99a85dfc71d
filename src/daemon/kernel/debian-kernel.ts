import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";

/** What reading a Debian kernel package needs. */
export interface DebianKernelDeps {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** Says what is done now. */
  readonly progress: (text: string) => Promise<void>;
}

/** A kernel's files, and where its modules are. */
export interface KernelFiles {
  readonly release: string;
  readonly kernel: string;
  readonly modules: string;
}

/** Downloads a Debian kernel package by its name, through the host's own package sources; returns the .deb. */
export async function downloadPackage(name: string, scratch: string, deps: DebianKernelDeps): Promise<string> {
  await deps.progress(`downloading ${name}`);
  const before = new Set(readdirSync(scratch));
  await deps.run({
    file: "apt-get",
    // Where root itself is the owner, apt would hand over to a user that can't write here.
    args: ["-o", "APT::Sandbox::User=", "download", name],
    cwd: scratch,
    signal: deps.signal,
  });
  const file = readdirSync(scratch).find((found) => found.endsWith(".deb") && !before.has(found));
  if (file === undefined) throw new BangerError("not_found", `source: apt downloaded nothing for ${name}`);
  const path = join(scratch, file);
  const needed = await kernelOfMetaPackage(path, deps);
  return needed === undefined ? path : downloadPackage(needed, scratch, deps);
}

/** `linux-image-cloud-amd64` and its like hold no kernel, and depend on the package that does. */
async function kernelOfMetaPackage(path: string, { run, signal }: DebianKernelDeps): Promise<string | undefined> {
  const { stdout } = await run({ file: "dpkg-deb", args: ["--field", path, "Package", "Depends"], signal });
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(stdout)?.[1] ?? "";
  const isReleaseName = (name: string) => /^linux-image-(unsigned-)?\d/.test(name);
  if (isReleaseName(field("Package"))) return undefined;
  return field("Depends")
    .split(/[,|]/)
    .map((part) => part.trim().split(" ")[0] ?? "")
    .find(isReleaseName);
}

/** Unpacks a Debian kernel package below `scratch`. */
export async function unpackPackage(path: string, scratch: string, deps: DebianKernelDeps): Promise<KernelFiles> {
  await deps.progress("unpacking the package");
  const tree = join(scratch, "tree");
  mkdirSync(tree);
  await deps.run({ file: "dpkg-deb", args: ["--extract", path, tree], signal: deps.signal });
  // Packages from merged-/usr releases have their modules below /usr; depmod looks below /lib.
  if (!existsSync(join(tree, "lib")) && existsSync(join(tree, "usr/lib/modules")))
    symlinkSync("usr/lib", join(tree, "lib"));
  const release = existsSync(join(tree, "lib/modules")) ? readdirSync(join(tree, "lib/modules"))[0] : undefined;
  if (release === undefined) throw new BangerError("bad_content", `source: ${path} holds no kernel modules`);
  const kernel = [`boot/vmlinuz-${release}`, `lib/modules/${release}/vmlinuz`]
    .map((name) => join(tree, name))
    .find((name) => existsSync(name));
  if (kernel === undefined) throw new BangerError("bad_content", `source: ${path} holds no kernel for ${release}`);
  await deps.run({ file: "depmod", args: ["-b", tree, release], signal: deps.signal });
  return { release, kernel, modules: join(tree, "lib/modules", release) };
}
