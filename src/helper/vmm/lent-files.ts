import { closeSync, fchmodSync, fchownSync, fstatSync, readdirSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { openOwnersFile } from "../files/safe-open.ts";

/** What a VMM opens by itself, under its own uid: each an open descriptor. */
export interface Lent {
  readonly kernel: number;
  readonly initrd: number;
  /** Its disks, where it opens these too; a device has a node of its own instead. */
  readonly disks: readonly number[];
}

/** Lets a VM's uid open what its VMM opens again. */
export function lendFiles(deps: Pick<HelperDeps, "facts" | "installation">, uid: number, lent: Lent): void {
  // The kernel is nobody's secret, and was made under whatever umask; the initrd holds the guest's keys.
  if ((fstatSync(lent.kernel).mode & 0o004) === 0) fchmodSync(lent.kernel, 0o444);
  lend(deps, lent.initrd, uid, 0o640);
  for (const disk of lent.disks.filter((fd) => fstatSync(fd).isFile())) {
    mustBeNoOthers(deps, disk, uid);
    lend(deps, disk, uid, 0o660);
  }
}

function lend({ installation }: Pick<HelperDeps, "installation">, fd: number, uid: number, mode: number): void {
  fchownSync(fd, installation.ownerUid, uid);
  fchmodSync(fd, mode);
}

/** Whoever opens a disk by itself locks it for nobody: one that another VM's uid may open has a VMM that writes it. */
function mustBeNoOthers({ facts }: Pick<HelperDeps, "facts">, disk: number, uid: number): void {
  const { gid } = fstatSync(disk);
  const other = facts.vms().find((vm) => vm.uid === gid && vm.uid !== uid && vm.vmm !== undefined);
  if (other !== undefined) throw new BangerError("already_exists", `a disk is VM ${other.vm_id}'s while that runs`);
}

/**
 * Gives the owner back what a uid of the range could open of a VM's files and volumes, so that no file keeps a uid that no other
 * VM has: facts are lost with the host's power, and files aren't. Where nobody knows which volumes it had, all are looked at.
 */
export function returnFiles(
  deps: HelperDeps,
  vm: Pick<VmFacts, "vm_id"> & Partial<VmFacts>,
  volumes = everyVolume(deps),
): void {
  const { layout, installation, libc } = deps;
  const { initrd, rootDisk } = layout.vm(vm.vm_id);
  for (const path of [initrd, rootDisk.raw, ...volumes.map((id) => layout.volume(id))]) {
    try {
      const fd = openOwnersFile(libc, path, installation.ownerUid, "read");
      try {
        if (!isLeft(deps, vm, fstatSync(fd).gid)) continue;
        fchmodSync(fd, 0o600);
        fchownSync(fd, installation.ownerUid, installation.ownerGid);
      } finally {
        closeSync(fd);
      }
    } catch {
      // Whatever the owner did to it: a uid that a file has isn't given out, and that is all that follows.
    }
  }
}

/** A uid of the range that is this VM's, or nobody's. */
function isLeft({ facts, installation, libc }: HelperDeps, own: Partial<VmFacts>, uid: number): boolean {
  const { uidFirst, uidCount } = installation;
  if (uid < uidFirst || uid >= uidFirst + uidCount) return false;
  if (uid === own.uid) return true;
  return !facts.vms().some((vm) => vm.uid === uid) && !libc.uidHasProcesses(uid);
}

function everyVolume({ layout }: Pick<HelperDeps, "layout">): readonly string[] {
  try {
    return readdirSync(layout.volumes).flatMap((name) => /^([0-9a-f]{16})\.raw$/.exec(name)?.[1] ?? []);
  } catch {
    return [];
  }
}
