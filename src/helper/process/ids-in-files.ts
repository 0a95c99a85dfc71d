import { closeSync, constants, fstatSync, opendirSync } from "node:fs";
import { basename } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { openDirectory } from "../files/safe-directory.ts";
import { KernelError, type Libc } from "../kernel/libc.ts";

const { O_NOFOLLOW, O_PATH } = { O_PATH: 0o10000000, ...constants };
/** VMs are fewer; what is more isn't looked through at each start. */
const mostDirectories = 20_000;

/**
 * Every uid and gid that banger's files of VMs have: their directories, what of them a VM's uid is given, FIFOs and volumes. What else
 * the owner put there is not asked, so that it hides nothing. Nothing is followed: no link, no other file system.
 */
export function idsInFiles(
  libc: Libc,
  {
    vmSockets,
    consoleInputs,
    volumes,
    vms,
    vm,
  }: Pick<Layout, "vmSockets" | "consoleInputs" | "volumes" | "vms" | "vm">,
): Set<number> {
  const ids = new Set<number>();
  const { initrd, rootDisk } = vm("");
  const look = (directory: number, name: Buffer | string, below: readonly string[]) => {
    const found = open(libc, directory, name);
    if (found === undefined) return;
    try {
      const stat = fstatSync(found);
      ids.add(stat.uid).add(stat.gid);
      if (stat.isDirectory()) for (const one of below) look(found, one, []);
    } finally {
      closeSync(found);
    }
  };
  for (const [path, given] of [
    [vmSockets, []],
    [consoleInputs, []],
    [volumes, []],
    [vms, [basename(initrd), ...Object.values(rootDisk).map((path) => basename(path))]],
  ] as const) {
    const top = openTop(libc, path);
    if (top === undefined) continue;
    try {
      for (const name of entries(top, path)) look(top, name, given);
    } finally {
      closeSync(top);
    }
  }
  return ids;
}

function* entries(fd: number, path: string): Generator<Buffer> {
  const directory = opendirSync(`/proc/self/fd/${fd}`, { encoding: "latin1" });
  try {
    for (let count = 1; ; count++) {
      const entry = directory.readSync();
      if (entry === null) return;
      if (count > mostDirectories) {
        throw new BangerError(
          "command_failed",
          `no uid is given out: ${path} holds more than ${mostDirectories} entries, and any may have it; remove what isn't a VM's`,
        );
      }
      yield Buffer.from(entry.name, "latin1");
    }
  } finally {
    directory.closeSync();
  }
}

/** A directory that isn't there, or isn't one that root may rely on, has no file of a VMM's. */
function openTop(libc: Libc, directory: string): number | undefined {
  try {
    return openDirectory(libc, directory);
  } catch (error) {
    if (error instanceof BangerError && error.code !== "command_failed") return undefined;
    throw error;
  }
}

/** Undefined for what is gone, and for another file system; a host that is out of descriptors must not pass for that. */
function open(libc: Libc, fd: number, name: Buffer | string): number | undefined {
  try {
    return libc.openBelow(fd, name, O_PATH | O_NOFOLLOW);
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    if (!["EMFILE", "ENFILE", "ENOMEM"].includes(cause.code)) return undefined;
    throw new BangerError(
      "command_failed",
      `no uid is given out: which ones files have can't be seen (${cause.code}); stop a VM`,
      { cause },
    );
  }
}
