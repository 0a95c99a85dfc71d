import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { mustBeReadable } from "../process/source-file.ts";
import type { KernelFacts } from "./elf-kernel.ts";
import type { ModuleTree } from "./module-tree.ts";
import { gunzip, readBounded, type Unpack, type UnpackDeps, unpacked, unxz, unzstd } from "./unpack.ts";

/**
 * The drivers of what a guest is given: its disk, network, agent's port and entropy, the root disk's file system, what tells the
 * VMM of a panic, and the power button with the input device on which an init hears it.
 */
const wanted = [
  "virtio_pci",
  "virtio_blk",
  "virtio_net",
  "virtio_console",
  "virtio_rng",
  "ext4",
  "pvpanic_pci",
  "button",
  "evdev",
];
/** A kernel may be made without these and the guest still does what it should. */
const optional = new Set(["virtio_rng", "pvpanic_pci", "button", "evdev"]);

/** One module: its path below the modules' directory, and its file. */
export interface KernelModule {
  readonly path: string;
  readonly content: Buffer;
}

/** The modules that a guest needs, each after what it depends on. */
export function neededModules({ directory, modules, builtin }: ModuleTree): KernelModule[] {
  const order: string[] = [];
  for (const name of wanted) {
    if (builtin.has(name)) continue;
    const found = modules.get(name);
    if (found === undefined) {
      if (optional.has(name)) continue;
      throw lacking(name, "neither built in nor as a module", "modules");
    }
    // modules.dep names what a module depends on with the deepest last.
    for (const path of [...found.needs.toReversed(), found.path]) if (!order.includes(path)) order.push(path);
  }
  return order.map((path) => {
    const file = join(directory, path);
    mustBeReadable(file, "modules");
    return { path, content: readBounded(file) };
  });
}

/** Refuses a kernel that was given without modules and doesn't have the drivers in itself: a driver's name is one of its strings. */
export function mustHaveDrivers(elf: Buffer): void {
  const has = (name: string) =>
    [`${name}\0`, `${name}.`, `${name.replaceAll("_", "-")}\0`].some((text) => elf.includes(text));
  const missing = wanted.find((name) => !optional.has(name) && !has(name));
  if (missing !== undefined) {
    throw lacking(
      missing,
      "built in; give the directory of its modules with --modules (lib/modules/<release>)",
      "modules",
    );
  }
}

/** Refuses modules that aren't this kernel's own: it compares their `vermagic` with its own and loads no others. */
export function mustFit(modules: readonly KernelModule[], elf: Buffer, { release }: KernelFacts): void {
  for (const { path, content } of modules) {
    const at = content.indexOf("vermagic=");
    const magic = at === -1 ? undefined : content.subarray(at + "vermagic=".length, content.indexOf(0, at));
    if (magic === undefined) throw refusal(`${path} is no kernel module`);
    if (elf.includes(Buffer.concat([magic, Buffer.from([0])]))) continue;
    const own = magic.toString("latin1").trim();
    throw refusal(`${path} was built for another kernel (${own.slice(0, 100)}), and source is ${release}`);
  }
}

/** How a module is packed, by the end of its name. */
const packings: readonly { readonly end: string; readonly unpack: Unpack }[] = [
  { end: ".gz", unpack: gunzip },
  { end: ".xz", unpack: unxz },
  { end: ".zst", unpack: unzstd },
];

/** The modules as a kernel takes them that can't unpack them itself (CONFIG_MODULE_DECOMPRESS). */
export async function unpackModules(modules: readonly KernelModule[], deps: UnpackDeps): Promise<KernelModule[]> {
  const plain: KernelModule[] = [];
  for (const { path, content } of modules) {
    const packing = packings.find(({ end }) => path.endsWith(end));
    if (packing === undefined) plain.push({ path, content });
    else {
      const bytes = await unpacked(`the module ${path}`, packing.unpack, content, deps);
      plain.push({ path: path.slice(0, -packing.end.length), content: bytes });
    }
  }
  return plain;
}

function lacking(name: string, how: string, field: string): BangerError {
  return new BangerError("bad_content", `source: this kernel has no ${name}, ${how}`, { details: { field } });
}

function refusal(why: string): BangerError {
  return new BangerError("bad_content", `modules: ${why}; give the kernel's own modules`, {
    details: { field: "modules" },
  });
}
