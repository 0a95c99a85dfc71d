import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { KernelError, type Libc } from "../kernel/libc.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } = { O_PATH: 0o10000000, ...constants };
const [ENOENT, EXDEV, EINVAL] = [2, 18, 22];
/** So many file systems on top of each other are taken off. */
const mostMounts = 64;

/** What lies in a run directory must be gone after this. */
const removalDeadlineMs = 5_000;
const atOnce = 256;

/**
 * The directory of a VMM's sockets: the owner's, with the group of the VM's own uid, which makes sockets in it. Nobody
 * else enters, the owner's primary group included: who reaches QMP is the VM's root.
 */
export async function makeRunDirectory(
  { layout, installation, libc }: HelperDeps,
  { vm_id, uid }: VmFacts,
): Promise<void> {
  const { directory } = layout.sockets(vm_id);
  await removeRunDirectory({ libc }, directory);
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, installation.ownerUid, uid);
  chmodSync(directory, 0o730);
}

/** Takes the directory away from owner and VM, then removes it with whatever they made in it, through no link. */
export async function removeRunDirectory({ libc }: Pick<HelperDeps, "libc">, directory: string): Promise<void> {
  const parent = openSync(dirname(directory), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const fd = openDirectory(libc, parent, basename(directory));
    if (fd === undefined) return;
    try {
      fchownSync(fd, 0, 0);
      fchmodSync(fd, 0o700);
      await empty(libc, directory, fd);
    } finally {
      closeSync(fd);
    }
    rmdirSync(directory);
  } finally {
    closeSync(parent);
  }
}

/** The VMM's socket of that name, by a descriptor that stands for it; undefined where there is none of that uid's. */
export function openSocket(
  { libc, layout }: Pick<HelperDeps, "libc" | "layout">,
  { vm_id, uid }: VmFacts,
  name: string,
) {
  const directory = openSync(layout.vmSockets, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const fd = libc.openBelow(directory, `${vm_id}/${name}`, O_PATH | O_NOFOLLOW);
    const stat = fstatSync(fd);
    // Root connects to nothing that isn't the VMM's own, whatever the owner lays in its place.
    if (stat.isSocket() && stat.uid === uid) return fd;
    closeSync(fd);
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  } finally {
    closeSync(directory);
  }
}

/**
 * Removes what is in a directory that only root enters. A directory in it is emptied into it first: however deep they
 * lie, no path grows, and whoever still stands in one of them can lead this nowhere.
 */
async function empty(libc: Libc, path: string, top: number): Promise<void> {
  const began = performance.now();
  let moved = 0;
  let done = 0;
  const within = async () => {
    if (++done % atOnce === 0) await yieldToOthers();
    if (performance.now() - began < removalDeadlineMs) return;
    throw new BangerError(
      "command_failed",
      `${path} holds more than can be removed in ${removalDeadlineMs} ms; remove it as root`,
    );
  };
  for (let names = entries(top); names.length > 0; names = entries(top)) {
    for (const name of names) {
      await within();
      if (removeFile(libc, top, name)) continue;
      const inner = openDirectory(libc, top, name);
      if (inner === undefined) continue;
      try {
        for (const below of entries(inner)) {
          await within();
          if (removeFile(libc, inner, below)) continue;
          const [from, to] = [at(inner, below), at(top, `moved.${process.pid}.${moved++}`)];
          unmounted(libc, from, () => renameSync(from, to));
        }
      } finally {
        closeSync(inner);
      }
      rmdirSync(at(top, name));
    }
  }
}

/** False for a directory. */
function removeFile(libc: Libc, directory: number, name: string): boolean {
  const path = at(directory, name);
  try {
    unmounted(libc, path, () => unlinkSync(path));
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return true;
    if (code === "EISDIR" || code === "EPERM") return false;
    throw error;
  }
}

/** Does it once nothing is mounted there: what is, on a file say, keeps its place from going. */
function unmounted(libc: Libc, path: Buffer, act: () => void): void {
  for (let tries = 0; ; tries++) {
    try {
      act();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY" || tries === mostMounts || !detach(libc, path)) throw error;
    }
  }
}

/** False where nothing is mounted. */
function detach(libc: Libc, path: Buffer): boolean {
  try {
    libc.detach(path);
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.errno === EINVAL) return false;
    throw error;
  }
}

/** Opens a directory below another. What somebody mounted on it, a file system of the owner's say, is taken off and never asked. */
function openDirectory(libc: Libc, parent: number, name: string): number | undefined {
  for (let tries = 0; ; tries++) {
    try {
      return libc.openBelow(parent, Buffer.from(name, "latin1"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      if (error.errno === ENOENT) return undefined;
      if (error.errno !== EXDEV || tries === mostMounts) throw error;
      libc.detach(at(parent, name));
    }
  }
}

/** The names in a directory, a character for each byte: a VM gives them as it likes. */
function entries(directory: number): string[] {
  return readdirSync(`/proc/self/fd/${directory}`, { encoding: "latin1" });
}

function at(directory: number, name: string): Buffer {
  return Buffer.from(`/proc/self/fd/${directory}/${name}`, "latin1");
}
