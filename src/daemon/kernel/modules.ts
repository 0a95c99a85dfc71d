import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { mustBeReadable } from "../process/source-file.ts";
import type { KernelFacts } from "./elf-kernel.ts";
import type { ModuleTree } from "./module-tree.ts";
import { gunzip, readBounded, type Unpack, type UnpackDeps, unpacked, unxz, unzstd } from "./unpack.ts";

/** The drivers of a kind of machine. */
export interface MachineDrivers {
  /** In the order in which they are loaded. */
  readonly wanted: readonly string[];
  /** A kernel may be made without these and the guest still does what it should. */
  readonly optional: ReadonlySet<string>;
}

/**
 * Of what a guest is given whose devices are PCI's (QEMU): its disk, network, agent's port and entropy, the root disk's file system, what
 * tells the VMM of a panic, and the power button with the input device on which an init hears it.
 */
const pciDrivers: MachineDrivers = {
  wanted: [
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_console",
    "virtio_rng",
    "ext4",
    "pvpanic_pci",
    "button",
    "evdev",
  ],
  optional: new Set(["virtio_rng", "pvpanic_pci", "button", "evdev"]),
};

/** The same of a guest whose devices are virtio's own (Firecracker), and whose agent is reached over vsock. */
export const mmioDrivers: MachineDrivers = {
  wanted: [
    "virtio_mmio",
    "virtio_blk",
    "virtio_net",
    "vmw_vsock_virtio_transport",
    "virtio_rng",
    "ext4",
    "virtio_balloon",
  ],
  optional: new Set(["virtio_rng", "virtio_balloon"]),
};

/** One module: its path below the modules' directory, and its file. */
export interface KernelModule {
  readonly path: string;
  readonly content: Buffer;
}

/** The modules that a guest needs, each after what it depends on. */
export function neededModules(tree: ModuleTree, drivers = pciDrivers): KernelModule[] {
  const missing = missingModule(tree, drivers);
  if (missing !== undefined) throw lacking(missing, "neither built in nor as a module", "modules");
  const needed = drivers.wanted.flatMap((name) => {
    const found = tree.builtin.has(name) ? undefined : tree.modules.get(name);
    // modules.dep names what a module depends on with the deepest last.
    return found === undefined ? [] : [...found.needs.toReversed(), found.path];
  });
  return [...new Set(needed)].map((path) => {
    const file = join(tree.directory, path);
    mustBeReadable(file, "modules");
    return { path, content: readBounded(file) };
  });
}

/** The first driver of those that a guest can't do without which a kernel has neither in itself nor as a module. */
export function missingModule({ modules, builtin }: ModuleTree, drivers: MachineDrivers): string | undefined {
  return mandatory(drivers).find((name) => !builtin.has(name) && !modules.has(name));
}

/** The first driver of those that a guest can't do without which a kernel hasn't in itself: a driver's name is one of its strings. */
export function missingBuiltin(elf: Buffer, drivers: MachineDrivers): string | undefined {
  const has = (name: string) =>
    [`${name}\0`, `${name}.`, `${name.replaceAll("_", "-")}\0`].some((text) => elf.includes(text));
  return mandatory(drivers).find((name) => !has(name));
}

function mandatory({ wanted, optional }: MachineDrivers): string[] {
  return wanted.filter((name) => !optional.has(name));
}

/** Refuses a kernel that was given without modules and doesn't have the drivers in itself. */
export function mustHaveDrivers(elf: Buffer): void {
  const missing = missingBuiltin(elf, pciDrivers);
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
