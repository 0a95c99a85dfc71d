import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { firecrackerPlaces } from "../../installation/firecracker-places.ts";
import { BangerError } from "../../rpc/contract/errors.ts";

/** A program of Firecracker's that is there. */
export interface FoundProgram {
  /** Where it was looked for. */
  readonly path: string;
  /** What that leads to, through whatever links. */
  readonly file: string;
  /** Why it isn't run; undefined where it may be. */
  readonly why: string | undefined;
}

/** What of Firecracker is there. */
export interface FoundFirecracker {
  readonly firecracker: FoundProgram | undefined;
  readonly jailer: FoundProgram | undefined;
  /** A filter of system calls for it, compiled. */
  readonly filter: string | undefined;
  /** Why it isn't run for want of a filter, where it is a Firecracker at all. */
  readonly lacksFilter?: string;
}

/** A Firecracker that may be run, and what is run with it. */
export interface InstalledFirecracker {
  readonly file: string;
  readonly bytes: number;
  readonly filter: string | undefined;
  readonly jailer: string | undefined;
}

/** The name of a filter beside the program; and where one may be otherwise. */
export const filterName = "seccomp.bpf";
const filterDirectories = ["/usr/local/lib/firecracker", "/usr/lib/firecracker"] as const;
const [sticky, writableByOthers, executable] = [0o1000, 0o022, 0o111];

/** Looks what of Firecracker is there, and runs nothing. */
export function findFirecracker(): FoundFirecracker {
  const firecracker = found(firecrackerPlaces.firecracker);
  if (firecracker === undefined) return { firecracker, jailer: undefined, filter: undefined };
  const beside = join(dirname(firecracker.path), "jailer");
  const jailer = found([beside, ...firecrackerPlaces.jailer]);
  const filter = [dirname(firecracker.file), ...filterDirectories]
    .map((directory) => join(directory, filterName))
    .filter((path) => existsSync(path))
    .map((path) => ({ file: realpathSync(path), why: whyOthersChange(path) }))
    .find(({ why }) => why === undefined)?.file;
  if (firecracker.why !== undefined || !needsLoader(firecracker.file)) return { firecracker, jailer, filter };
  // What is linked to the host's libraries was built for its C library, and was given no filter when it was built.
  const lacksFilter = `it was built without a filter of system calls; lay one beside it as ${filterName}`;
  const noLoader = "firecracker needs the host's libraries, which a jail hasn't; build it static";
  return {
    firecracker,
    jailer: jailer === undefined ? undefined : { ...jailer, why: jailer.why ?? noLoader },
    filter,
    ...(filter === undefined ? { lacksFilter } : {}),
  };
}

/** The Firecracker that is run here; an error where there is none. A jailer that may not be run is none. */
export function installedFirecracker(): InstalledFirecracker {
  const { firecracker, jailer, filter, lacksFilter } = findFirecracker();
  if (firecracker === undefined) {
    throw new BangerError("missing_tool", `there is no ${firecrackerPlaces.firecracker.join(" or ")}`);
  }
  const why = firecracker.why ?? lacksFilter;
  if (why !== undefined) throw new BangerError("command_failed", `${firecracker.path} isn't run: ${why}`);
  const { file } = firecracker;
  return { file, bytes: statSync(file).size, filter, jailer: jailer?.why === undefined ? jailer?.file : undefined };
}

function found(places: readonly string[]): FoundProgram | undefined {
  const path = places.find((place) => lstatSync(place, { throwIfNoEntry: false }) !== undefined);
  if (path === undefined) return undefined;
  try {
    const file = realpathSync(path);
    return { path, file, why: whyNotRun(statSync(file)) ?? whyOthersChange(path) };
  } catch (error) {
    return { path, file: path, why: `it can't be looked at (${(error as NodeJS.ErrnoException).code})` };
  }
}

function whyNotRun(stat: Stats): string | undefined {
  if (!stat.isFile()) return "it is no file";
  return (stat.mode & executable) === executable ? undefined : "it may not be run by everybody; chmod 755 it";
}

/** Why others than root could change what a path leads to: the file, a link on the way to it, or what they lie in. */
function whyOthersChange(path: string): string | undefined {
  return whyNotRoots(realpathSync(path)) ?? whyNotRoots(dirname(path));
}

/** Why others than root could exchange a file, which root runs or gives to what it runs; undefined where nobody could. */
function whyNotRoots(file: string): string | undefined {
  for (let path = file; ; path = dirname(path)) {
    const why = whyNotRootsAlone(path, path === file);
    if (why !== undefined || path === "/") return why;
  }
}

function whyNotRootsAlone(path: string, isFile: boolean): string | undefined {
  const stat = lstatSync(path);
  if (stat.uid !== 0) return `${path} is uid ${stat.uid}'s; root runs what is root's`;
  // A link's own mode means nothing (symlink(7)).
  if (stat.isSymbolicLink()) return whyNotRoots(resolve(dirname(path), readlinkSync(path)));
  const isShared = (stat.mode & writableByOthers) !== 0 && (isFile || (stat.mode & sticky) === 0);
  return isShared ? `${path} may be written by others than root; chmod go-w it` : undefined;
}

/** Whether a program is no ELF file, or names a program that loads it, with libraries (elf(5)). */
function needsLoader(file: string): boolean {
  const [magic, interpreter] = [0x7f454c46, 3];
  const fd = openSync(file, "r");
  try {
    const header = Buffer.alloc(64);
    if (readSync(fd, header, 0, 64, 0) < 64 || header.readUInt32BE(0) !== magic) return true;
    const [size, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
    const parts = Buffer.alloc(size * count);
    readSync(fd, parts, 0, parts.length, Number(header.readBigUInt64LE(32)));
    return Array.from({ length: count }, (_, index) => parts.readUInt32LE(index * size)).includes(interpreter);
  } finally {
    closeSync(fd);
  }
}
