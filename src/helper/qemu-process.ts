import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { createConnection } from "node:net";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../rpc/contract/errors.ts";
import type { helperContract } from "../rpc/contract/helper.ts";
import type { ParamsOf } from "../rpc/contract/method.ts";
import type { HelperDeps } from "./deps.ts";
import type { VmFacts } from "./facts.ts";
import { qemuArgv } from "./qemu-argv.ts";
import { openOwnersFile } from "./safe-open.ts";

/** QEMU has this long until it answers on its QMP socket. */
const greetingDeadlineMs = 10_000;
const pollMs = 2;
/** The last words of a QEMU that ended pass through another process; they are there when it has read them. */
const lastWordsMs = 50;
/** The most that is kept of what QEMU writes on its own. */
const maxLogBytes = 64 * 1024;

/** The directory of a VMM's sockets: the VM's uid makes them, the owner's group may use them. */
export function makeRunDirectory({ layout, installation }: HelperDeps, { vm_id, uid }: VmFacts): void {
  const { directory } = layout.sockets(vm_id);
  removeRunDirectory(directory);
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, uid, installation.ownerGid);
  // The group connects to what is there; only the VM's uid makes something.
  chmodSync(directory, 0o2750);
}

/** Takes the directory away from the VM's uid, then removes it: nothing in it is exchanged for a link meanwhile. */
export function removeRunDirectory(directory: string): void {
  if (!existsSync(directory)) return;
  chownSync(directory, 0, 0);
  chmodSync(directory, 0o700);
  rmSync(directory, { recursive: true, force: true });
}

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

/** QEMU greets on QMP once all its devices are made. */
export async function awaitGreeting(path: string, child: ChildProcess, words: () => string): Promise<void> {
  let failed: Error | undefined;
  child.once("error", (error) => {
    failed = error;
  });
  const deadline = performance.now() + greetingDeadlineMs;
  for (;;) {
    if (await greets(path)) return;
    if (failed !== undefined || child.exitCode !== null || child.signalCode !== null) {
      await delay(lastWordsMs);
      throw new BangerError("command_failed", `QEMU ended at once: ${words() || failed?.message || "it said nothing"}`);
    }
    if (performance.now() > deadline) {
      throw new BangerError("command_failed", `QEMU did not answer within ${greetingDeadlineMs} ms: ${words()}`);
    }
    await delay(pollMs);
  }
}

function greets(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.once("data", (bytes) => end(bytes.toString().startsWith('{"QMP"')));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}

/** What a VMM said on its own, the end of it. */
export function lastWords({ layout }: Pick<HelperDeps, "layout">, vmId: string): string {
  const path = layout.vmmLog(vmId);
  return existsSync(path) ? readFileSync(path, "utf8").trim().slice(-1_000) : "";
}
