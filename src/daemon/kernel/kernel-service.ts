import { createHash } from "node:crypto";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import { name as nameField } from "../../rpc/contract/fields.ts";
import type { Kernel, kernelContract } from "../../rpc/contract/kernel.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import { bytesAt } from "../process/bytes-at.ts";
import type { Run } from "../process/run.ts";
import { mustBeReadable, reading } from "../process/source-file.ts";
import { mustAnswer, steadyFile } from "../process/steady-file.ts";
import type { OperationContext } from "../operation/operations.ts";
import { ContentRecords } from "../store/content-records.ts";
import { ContentService } from "../store/content-service.ts";
import { inScratch } from "../store/scratch.ts";
import { type DebianKernelDeps, downloadPackages, type KernelFiles, unpackPackages } from "./debian-kernel.ts";
import { isDebianPackage } from "./file-kinds.ts";
import { unfitForFirecracker } from "./firecracker-fit.ts";
import { type GuestModules, kernelInitrd } from "./kernel-initrd.ts";
import { headBytes, leastMemoryMib } from "./least-memory.ts";
import { modulesBelow, readModuleTree } from "./module-tree.ts";
import {
  type KernelModule,
  missingBuiltin,
  missingModule,
  mmioDrivers,
  mustFit,
  mustHaveDrivers,
  neededModules,
  unpackModules,
} from "./modules.ts";
import type { UnpackDeps } from "./unpack.ts";
import { type BootableKernel, readKernel } from "./vmlinuz.ts";
import type { Store } from "../store/store.ts";

/** What the kernel service needs. */
export interface KernelServiceDeps {
  readonly database: Store;
  readonly layout: Layout;
  readonly run: Run;
  readonly now: () => Date;
}

type ImportParams = ParamsOf<typeof kernelContract.kernelImport>;

/** Kernels with their initrds, stored by content. */
export class KernelService extends ContentService<Kernel> {
  protected readonly howToMake = "banger kernel import linux-image-cloud-amd64";
  readonly #deps: KernelServiceDeps;

  constructor(deps: KernelServiceDeps) {
    super(new ContentRecords<Kernel>(deps.database, "kernels"));
    this.#deps = deps;
  }

  protected directoryOf(id: string): string {
    return this.#deps.layout.kernel(id).directory;
  }

  protected filesOf(id: string): string[] {
    const { vmlinux, initrd } = this.#deps.layout.kernel(id);
    return [vmlinux, initrd];
  }

  /** What was imported by First light has no least memory in its record; its files tell it, if they are there. */
  protected override shown(stored: Kernel): Kernel {
    const kernel = super.shown(stored);
    if (typeof kernel.least_memory_mib === "number" || kernel.missing === true) return kernel;
    const { vmlinux, initrd } = this.#deps.layout.kernel(kernel.id);
    return { ...kernel, least_memory_mib: leastMemoryMib(bytesAt(vmlinux, 0, headBytes), statSync(initrd).size) };
  }

  /** Takes a Debian kernel package, or a kernel and its modules, and makes the initrd for it. */
  async import(params: ImportParams, { signal, emit }: OperationContext): Promise<Kernel> {
    if (params.name !== undefined) this.mustBeFree(params.name);
    const { run, layout, database } = this.#deps;
    const mustBeUnchanged = await openFiles(params, run, signal);
    await database.mustHaveRoom();
    const progress = (text: string) => emit("progress", { text });
    return inScratch(layout, async (scratch) => {
      const files = await kernelFiles(params, scratch, { run, signal, progress });
      await progress("unpacking the kernel");
      const kernel = await readKernel(files.kernel, { run, signal, scratch });
      const name = params.name ?? nameOfRelease(kernel.release);
      this.mustBeFree(name);
      await progress("making the initrd");
      const { modules, lacks } = await modulesFor(kernel, files.modules, { run, signal, scratch });
      const unfit = unfitForFirecracker(kernel, lacks);
      if (unfit !== undefined) await progress(`Firecracker can't boot it: ${unfit}`);
      const initrd = kernelInitrd(unfit === undefined ? modules : { ...modules, mmio: undefined }, unfit);
      signal.throwIfAborted();
      mustBeUnchanged();
      return this.#keep(scratch, name, kernel, initrd, params.default);
    });
  }

  /** Puts kernel and initrd in their place, with their record. */
  #keep(
    scratch: string,
    name: string,
    { boot, elf, release }: BootableKernel,
    initrd: Buffer,
    asDefault?: boolean,
  ): Promise<Kernel> {
    const id = createHash("sha256").update(boot).update(initrd).digest("hex");
    const draft = join(scratch, "kernel");
    mkdirSync(draft, { mode: 0o700 });
    // Readable by anybody who is given them: each VMM has a uid of its own.
    writeFileSync(join(draft, "vmlinux"), boot, { mode: 0o444 });
    writeFileSync(join(draft, "initrd"), initrd, { mode: 0o444 });
    const kernel = {
      id,
      name,
      release,
      size: boot.length + initrd.length,
      least_memory_mib: leastMemoryMib(elf, boot === elf ? initrd.length : initrd.length + boot.length),
      created_at: this.#deps.now().toISOString(),
    };
    return this.keep(draft, kernel, asDefault);
  }
}

/** Looks at the files that were given, before they are read; what is returned refuses a source that changed since. */
async function openFiles({ source, modules }: ImportParams, run: Run, signal: AbortSignal): Promise<() => void> {
  if (modules !== undefined) await mustAnswer(modules, "modules", run, signal);
  if (!source.startsWith("/")) return () => undefined;
  await mustAnswer(source, "source", run, signal);
  mustBeReadable(source, "source");
  return steadyFile(source, "source");
}

async function kernelFiles(params: ImportParams, scratch: string, deps: DebianKernelDeps): Promise<KernelFiles> {
  const { source, modules } = params;
  if (!source.startsWith("/")) return unpackPackages(await downloadPackages(source, scratch, deps), scratch, deps);
  if (!isDebianPackage(bytesAt(source, 0, headBytes))) return { kernel: source, modules };
  const files = await unpackPackages([source], scratch, deps);
  return modules === undefined ? files : { ...files, modules };
}

/** The modules of a kernel's initrd, and which driver it lacks for Firecracker. */
interface FoundModules {
  readonly modules: GuestModules;
  readonly lacks: string | undefined;
}

/** Takes them of the directory that was given, or none where the kernel has its drivers in itself. */
async function modulesFor(
  kernel: BootableKernel,
  directory: string | undefined,
  deps: UnpackDeps,
): Promise<FoundModules> {
  if (directory === undefined) {
    mustHaveDrivers(kernel.elf);
    const lacks = missingBuiltin(kernel.elf, mmioDrivers);
    return { modules: { pci: [], mmio: lacks === undefined ? [] : undefined }, lacks };
  }
  const place = reading("modules", () => modulesBelow(directory, kernel.release));
  const tree = await readModuleTree(place, deps);
  const lacks = missingModule(tree, mmioDrivers);
  const needed = {
    pci: reading("modules", () => neededModules(tree)),
    mmio: lacks === undefined ? reading("modules", () => neededModules(tree, mmioDrivers)) : undefined,
  };
  return { modules: await unpacked(needed, kernel, deps), lacks };
}

/** Unpacks them, each once, and refuses those that aren't the kernel's own. */
async function unpacked({ pci, mmio }: GuestModules, kernel: BootableKernel, deps: UnpackDeps): Promise<GuestModules> {
  const all = [...new Map([...pci, ...(mmio ?? [])].map((module) => [module.path, module])).values()];
  const plain = await unpackModules(all, deps);
  mustFit(plain, kernel.elf, kernel);
  const byPath = new Map(all.map(({ path }, index) => [path, plain[index]]));
  const plainOf = (modules: readonly KernelModule[]) => modules.flatMap(({ path }) => byPath.get(path) ?? []);
  return { pci: plainOf(pci), mmio: mmio && plainOf(mmio) };
}

/** A release as a name: `6.1.0-37-cloud-amd64` is `linux-6-1-0-37-cloud-amd64`. */
function nameOfRelease(release: string): string {
  const name = `linux-${release.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`.slice(0, 32).replace(/-+$/, "");
  return nameField.parse(name);
}
