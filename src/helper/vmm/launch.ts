import type { ChildProcess } from "node:child_process";
import { closeSync, fchmodSync, fchownSync, fstatSync, openSync } from "node:fs";
import { diskFormats, type DiskKind } from "../../rpc/contract/disk-kind.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { openOwnersFile } from "../files/safe-open.ts";
import { asUid } from "../process/identity.ts";
import { vmmLimits } from "./limits.ts";
import { qemuArgv } from "./qemu-argv.ts";
import { spawnRecorded } from "./recorder.ts";
import { inheritedFiles, inheritedOrder, type VmmFile } from "./vmm-files.ts";

type StartParams = ParamsOf<typeof helperContract.vmmStart>;

/** Starts a VM's VMM, detached: under its own uid, with the files that it is given as descriptors, below a recorder. */
export function launchVmm(
  deps: HelperDeps,
  { vm_id: vmId, uid }: VmFacts,
  params: StartParams,
  groups: readonly number[],
): ChildProcess {
  const { layout, installation, libc, programs } = deps;
  const descriptors: number[] = [];
  const keep = (fd: number) => {
    descriptors.push(fd);
    return fd;
  };
  // One by one: where the second can't be made, the first is closed.
  const keptPipe = () => {
    const pipe = libc.pipe();
    descriptors.push(pipe.read, pipe.write);
    return pipe;
  };
  try {
    const files = openFiles(deps, vmId, uid, params, keep);
    const [console, words] = [keptPipe(), keptPipe()];
    const log = keep(openSync(layout.vmmLog(vmId), "w", 0o600));
    return spawnRecorded({
      record: layout.vmmRecord(vmId),
      console: {
        uid: installation.ownerUid,
        gid: installation.ownerGid,
        program: programs.consoleLog,
        path: layout.vm(vmId).consoleLog,
      },
      input: layout.consoleInput(vmId),
      given: inheritedOrder.map((name) => files[name]),
      plumbing: { console, words: { ...words, file: log } },
      argv: [
        ...cageOf(deps, vmId, {
          cpus: params.cpus,
          memoryMib: params.memory_mib,
          rootDisk: files.rootDisk,
          format: formatOf(params),
        }),
        ...asUid(uid, groups),
        ...qemuArgv({
          name: layout.alias(vmId),
          cpus: params.cpus,
          memoryMib: params.memory_mib,
          accel: params.accel,
          tap: params.network === false ? undefined : layout.tap(vmId),
          mac: params.mac,
          files: inheritedFiles,
          diskFormat: formatOf(params),
          sockets: layout.sockets(vmId),
        }),
      ],
    });
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}

/** What the root disk's file is; a daemon that doesn't say knows one kind only. */
function formatOf({ disk_kind: kind = "qcow2" }: StartParams): (typeof diskFormats)[DiskKind] {
  return diskFormats[kind];
}

/** What puts the VMM into its cage: limits, and a mount namespace in which it sees nothing of the owner's or another VM's. */
function cageOf(
  { layout, installation, programs }: HelperDeps,
  vmId: string,
  vm: Parameters<typeof vmmLimits>[0],
): string[] {
  const { addressSpaceBytes, fileBytes, processes } = vmmLimits(vm);
  const limits = [addressSpaceBytes, fileBytes, processes].map(String);
  const hidden = [installation.stateDir, installation.runDir, layout.vmSockets];
  return [programs.vmmCage, ...limits, layout.sockets(vmId).directory, ...hidden, "--"];
}

/** Opens what the owner gave, and lets the VM's uid read what its VMM opens again. */
function openFiles(
  { layout, installation, libc }: HelperDeps,
  vmId: string,
  uid: number,
  params: StartParams,
  keep: (fd: number) => number,
): Record<VmmFile, number> {
  const open = (path: string, access: "read" | "write") =>
    keep(openOwnersFile(libc, path, installation.ownerUid, access));
  const files = {
    image: open(layout.image(params.image_id), "read"),
    rootDisk: open(layout.vm(vmId).rootDisk[formatOf(params)], "write"),
    kernel: open(layout.kernel(params.kernel_id).vmlinux, "read"),
    initrd: open(layout.vm(vmId).initrd, "read"),
  };
  // The kernel is nobody's secret, and was made under whatever umask; the initrd holds the guest's keys.
  if ((fstatSync(files.kernel).mode & 0o004) === 0) fchmodSync(files.kernel, 0o444);
  fchownSync(files.initrd, installation.ownerUid, uid);
  fchmodSync(files.initrd, 0o640);
  return files;
}

/** Gives the owner back what the VM's uid could read, so that no file keeps the uid; a file that is gone keeps none. */
export function returnFiles({ layout, installation, libc }: HelperDeps, { vm_id: vmId, uid }: VmFacts): void {
  try {
    const fd = openOwnersFile(libc, layout.vm(vmId).initrd, installation.ownerUid, "read");
    try {
      if (fstatSync(fd).gid !== uid) return;
      fchmodSync(fd, 0o600);
      fchownSync(fd, installation.ownerUid, installation.ownerGid);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Whatever the owner did to it: a uid that a file has isn't given out, and that is all that follows.
  }
}
