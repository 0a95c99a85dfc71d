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
import { join } from "node:path";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../rpc/contract/errors.ts";
import type { helperContract } from "../rpc/contract/helper.ts";
import type { ParamsOf } from "../rpc/contract/method.ts";
import { attribute } from "../telemetry/names.ts";
import type { HelperDeps } from "./deps.ts";
import type { VmFacts } from "./facts.ts";
import { listLinks } from "./link.ts";
import { endProcess, isAlive, processFacts } from "./process.ts";
import { qemuArgv } from "./qemu-argv.ts";
import { openOwnersFile } from "./safe-open.ts";
import { leaseUid, returnUid } from "./uid-lease.ts";

/** QEMU has this long until it answers on its QMP socket. */
const greetingDeadlineMs = 10_000;
const pollMs = 2;
/** The last words of a QEMU that ended pass through another process; they are there when it has read them. */
const lastWordsMs = 50;
/** The most that is kept of what QEMU writes on its own. */
const maxLogBytes = 64 * 1024;

type StartParams = ParamsOf<typeof helperContract.vmmStart>;

/** Starts a VM's QEMU and returns when it answers; what fails is undone. */
export async function startVmm(deps: HelperDeps, params: StartParams) {
  const { facts, installation, layout } = deps;
  const { vm_id: vmId, generation } = params;
  const known = leaseUid(facts, installation, vmId);
  if (known.vmm !== undefined && isAlive(known.vmm)) {
    throw new BangerError("already_exists", `VM ${vmId} has a VMM (pid ${known.vmm.pid}) already`);
  }
  if (known.tap === undefined) throw new BangerError("not_found", `VM ${vmId} has no tap; make it first`);
  const startedAt = new Date().toISOString();
  facts.putVm({ ...known, vmm: { generation, started_at: startedAt } });
  try {
    makeRunDirectory(deps, known);
    const child = spawnQemu(deps, known, params);
    const pid = child.pid ?? 0;
    const started = processFacts(pid);
    if (started !== undefined) {
      const { starttime, boot_id } = started;
      facts.putVm({ ...known, vmm: { generation, started_at: startedAt, pid, starttime, boot_id } });
    }
    await deps.spans.span("qemu starting", { attributes: { [attribute.executable]: "qemu-system-x86_64" } }, () =>
      awaitGreeting(layout.sockets(vmId).qmp, child, () => lastWords(deps, vmId)),
    );
    const { qmp, agent, console } = layout.sockets(vmId);
    return { vm_id: vmId, generation, pid, uid: known.uid, started_at: startedAt, sockets: { qmp, agent, console } };
  } catch (error) {
    await stopVmm(deps, vmId, generation);
    throw error;
  }
}

/** Makes sure that no VMM of this generation or an older one is there. */
export async function stopVmm(deps: HelperDeps, vmId: string, generation: number): Promise<{ stopped: boolean }> {
  const { facts, layout } = deps;
  const known = facts.vm(vmId);
  if (known?.vmm === undefined) return { stopped: false };
  if (known.vmm.generation > generation) {
    throw new BangerError(
      "wrong_state",
      `VM ${vmId} runs generation ${known.vmm.generation}, newer than ${generation}`,
    );
  }
  const alive = isAlive(known.vmm);
  if (alive) await endProcess(known.vmm as Required<NonNullable<VmFacts["vmm"]>>);
  rmSync(layout.sockets(vmId).directory, { recursive: true, force: true });
  const { vmm: _, ...rest } = known;
  facts.putVm(rest);
  returnUid(facts, vmId);
  return { stopped: alive };
}

/** Whether a VM's VMM runs, and what it said if not. */
export function vmmStatus(deps: HelperDeps, vmId: string) {
  const known = deps.facts.vm(vmId);
  const running = known?.vmm !== undefined && isAlive(known.vmm);
  const words = running ? "" : lastWords(deps, vmId);
  return {
    running,
    ...(running ? { facts: vmmFacts(known) } : {}),
    ...(words === "" ? {} : { last_words: words }),
  };
}

/** What the kernel holds of this installation's VMs. Only reconciling asks. */
export async function listVmms({ command, facts, layout }: HelperDeps) {
  const prefix = `${layout.alias()}:`;
  const links = await listLinks(command);
  return {
    vmms: facts.vms().flatMap((vm) => (vm.vmm !== undefined && isAlive(vm.vmm) ? [vmmFacts(vm)] : [])),
    taps: links
      .filter((link) => link.ifalias?.startsWith(prefix))
      .map((link) => ({ vm_id: link.ifalias?.slice(prefix.length) ?? "", tap: link.ifname })),
  };
}

function vmmFacts({ vm_id, uid, vmm }: VmFacts) {
  return { vm_id, uid, pid: vmm?.pid ?? 0, generation: vmm?.generation ?? 1, started_at: vmm?.started_at ?? "" };
}

/** The directory of a VMM's sockets: the VM's uid makes them, the owner's group may use them. */
function makeRunDirectory({ layout, installation }: HelperDeps, { vm_id, uid }: VmFacts): void {
  const { directory } = layout.sockets(vm_id);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, uid, installation.ownerGid);
  chmodSync(directory, 0o2770);
}

function spawnQemu(deps: HelperDeps, { vm_id: vmId, uid }: VmFacts, params: StartParams): ChildProcess {
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
    const log = openSync(logFile(deps, vmId), "w", 0o600);
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
async function awaitGreeting(path: string, child: ChildProcess, words: () => string): Promise<void> {
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

function logFile({ layout }: Pick<HelperDeps, "layout">, vmId: string): string {
  return join(layout.sockets(vmId).directory, "vmm.log");
}

function lastWords(deps: Pick<HelperDeps, "layout">, vmId: string): string {
  const path = logFile(deps, vmId);
  return existsSync(path) ? readFileSync(path, "utf8").trim().slice(-1_000) : "";
}
