import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fchmodSync, fchownSync, openSync } from "node:fs";
import type { Writable } from "node:stream";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { openOwnersFile } from "../files/safe-open.ts";
import { qemuArgv } from "./qemu-argv.ts";

/** The most that is kept of what QEMU writes on its own. */
const maxLogBytes = 64 * 1024;

/** Starts QEMU with the files that it is given as descriptors; its own words go to a log of bounded size. */
export function spawnQemu(
  deps: HelperDeps,
  { vm_id: vmId, uid }: VmFacts,
  params: ParamsOf<typeof helperContract.vmmStart>,
): ChildProcess {
  const { layout, installation } = deps;
  const open = (path: string, access: "read" | "write") => openOwnersFile(path, installation.ownerUid, access);
  const descriptors: number[] = [];
  try {
    descriptors.push(open(layout.image(params.image_id), "read"));
    descriptors.push(open(layout.vm(vmId).rootDisk, "write"));
    descriptors.push(open(layout.kernel(params.kernel_id).vmlinux, "read"));
    const initrd = open(layout.vm(vmId).initrd, "read");
    descriptors.push(initrd);
    // QEMU reopens kernel and initrd by /proc/self/fd. The kernel anybody may read; the initrd holds the guest's keys.
    fchownSync(initrd, installation.ownerUid, uid);
    fchmodSync(initrd, 0o640);
    const log = openSync(layout.vmmLog(vmId), "w", 0o600);
    descriptors.push(log);
    // QEMU's own words go through `head`, so that a VMM that was taken over can't fill the disk with them.
    const head = spawn("/usr/bin/head", ["-c", String(maxLogBytes)], {
      stdio: ["pipe", log, "ignore"],
      detached: true,
      env: {},
      cwd: "/",
      uid,
      gid: uid,
    }) as ChildProcess & { readonly stdin: Writable };
    const [program, ...args] = qemuArgv({
      uid,
      name: layout.alias(vmId),
      cpus: params.cpus,
      memoryMib: params.memory_mib,
      accel: params.accel,
      tap: layout.tap(vmId),
      mac: params.mac,
      sockets: layout.sockets(vmId),
    });
    // Sockets that QEMU makes are for its uid and the owner's group.
    const before = process.umask(0o007);
    try {
      const child = spawn(program, args, {
        stdio: ["ignore", head.stdin, head.stdin, ...descriptors.slice(0, 4)],
        detached: true,
        env: {},
        cwd: "/",
      });
      child.unref();
      head.unref();
      return child;
    } finally {
      process.umask(before);
      head.stdin.destroy();
    }
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}
