import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { reading } from "../process/source-file.ts";
import { readBounded } from "./unpack.ts";

/** What looking at a kernel's modules needs. */
export interface ModuleTreeDeps {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** A directory for files on the way. */
  readonly scratch: string;
}

/** A kernel's modules as depmod(8) sees them. */
export interface ModuleTree {
  readonly directory: string;
  /** By name, with `_` for `-`: the file below the directory, and the files that it depends on, the deepest last. */
  readonly modules: ReadonlyMap<string, { readonly path: string; readonly needs: readonly string[] }>;
  /** The names of what is in the kernel itself. */
  readonly builtin: ReadonlySet<string>;
}

/** The directory with the modules of a release: the one that was named, or the usual place below it. */
export function modulesBelow(named: string, release: string): string {
  const places = [".", release, `lib/modules/${release}`, `usr/lib/modules/${release}`].map((place) =>
    resolve(named, place),
  );
  const found = places.find((place) =>
    ["modules.dep", "modules.order", "kernel"].some((name) => existsSync(join(place, name))),
  );
  if (found !== undefined) return found;
  const why = existsSync(named) ? "holds no modules of this kernel" : "isn't there";
  throw new BangerError(
    existsSync(named) ? "bad_content" : "not_found",
    `modules: ${named} ${why}; give its lib/modules/${release}`,
    {
      details: { field: "modules" },
    },
  );
}

/** Reads which modules there are. Where depmod hasn't seen the directory as it is, it is asked: not in the directory itself, which is not ours. */
export async function readModuleTree(directory: string, deps: ModuleTreeDeps): Promise<ModuleTree> {
  const builtin = reading("modules", () => new Set(lines(join(directory, "modules.builtin")).map(moduleName)));
  const there = reading("modules", () => readDependencies(directory));
  if (there !== undefined && [...there.values()].every(({ path }) => existsSync(join(directory, path)))) {
    return { directory, modules: there, builtin };
  }
  return { directory, modules: await askDepmod(directory, deps), builtin };
}

async function askDepmod(directory: string, { run, signal, scratch }: ModuleTreeDeps): Promise<ModuleTree["modules"]> {
  const base = join(scratch, "depmod");
  // Any release will do: depmod looks for a directory of that name.
  const mirror = join(base, "lib/modules/0.0.0");
  mkdirSync(mirror, { recursive: true });
  for (const name of reading("modules", () => readdirSync(directory))) {
    const isDepmods = /^modules\.(?!builtin$|builtin\.modinfo$|order$)/.test(name);
    if (!isDepmods && name !== "build" && name !== "source") symlinkSync(join(directory, name), join(mirror, name));
  }
  try {
    await run({ file: "depmod", args: ["-b", base, "0.0.0"], on: base, signal });
    return readDependencies(mirror) ?? new Map();
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

function readDependencies(directory: string): ModuleTree["modules"] | undefined {
  const file = join(directory, "modules.dep");
  if (!existsSync(file)) return undefined;
  return new Map(
    lines(file).map((line) => {
      const [path = "", rest = ""] = line.split(":");
      return [moduleName(path), { path, needs: rest.split(" ").filter((need) => need !== "") }];
    }),
  );
}

/** A distribution's kernel has some 6000 modules, and 1 MiB of lines about them. */
const most = { bytes: 16 * 1024 * 1024, lines: 65_536 };

function lines(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) return [];
  if (stat.size > most.bytes) throw tooLong(path);
  const found = readBounded(path)
    .toString()
    .split("\n", most.lines + 1)
    .filter((line) => line !== "");
  if (found.length > most.lines) throw tooLong(path);
  return found;
}

function tooLong(path: string): BangerError {
  return new BangerError(
    "bad_content",
    `modules: ${path} is too long for a list of modules; give the kernel's own modules`,
    { details: { field: "modules" } },
  );
}

/** A module's name as others name it: modules' file names use - and _ alike. */
function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko(\.(gz|xz|zst))?$/, "").replaceAll("-", "_");
}
