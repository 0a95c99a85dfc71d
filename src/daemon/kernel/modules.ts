import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { gunzip, type Unpack, type UnpackDeps, unpacked, unxz, unzstd } from "./unpack.ts";

/** The drivers of what a guest is given: its disk, network, agent's port and entropy, and the root disk's file system. */
const wanted = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "ext4"];
/** A kernel may be made without this one and the guest still does what it should. */
const optional = new Set(["virtio_rng"]);

/** One module: its path below the modules' directory, and its file. */
export interface KernelModule {
  readonly path: string;
  readonly content: Buffer;
}

/** The modules that a guest needs of those in `directory` (lib/modules/<release>, with depmod's modules.dep), each after what it depends on. */
export function neededModules(directory: string): KernelModule[] {
  const dependencies = readDependencies(directory);
  const builtin = new Set(lines(join(directory, "modules.builtin")).map(moduleName));
  const order: string[] = [];
  for (const name of wanted) {
    if (builtin.has(name)) continue;
    const found = dependencies.get(name);
    if (found === undefined) {
      if (optional.has(name)) continue;
      throw new BangerError("bad_content", `source: this kernel has no ${name}, neither built in nor as a module`);
    }
    // modules.dep names what a module depends on with the deepest last.
    for (const path of [...found.needs.toReversed(), found.path]) if (!order.includes(path)) order.push(path);
  }
  return order.map((path) => ({ path, content: readFileSync(join(directory, path)) }));
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

function readDependencies(directory: string): Map<string, { path: string; needs: string[] }> {
  const file = join(directory, "modules.dep");
  if (!existsSync(file)) {
    throw new BangerError("bad_content", `modules: ${file} isn't there; run depmod for this kernel`);
  }
  return new Map(
    lines(file).map((line) => {
      const [path = "", rest = ""] = line.split(":");
      return [moduleName(path), { path, needs: rest.split(" ").filter((need) => need !== "") }];
    }),
  );
}

function lines(path: string): string[] {
  return existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];
}

/** A module's name as others name it: modules' file names use - and _ alike. */
function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko(\.(gz|xz|zst))?$/, "").replaceAll("-", "_");
}
