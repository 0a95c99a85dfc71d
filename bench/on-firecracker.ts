import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { findFirecracker } from "../src/helper/vmm/firecracker-programs.ts";
import type { Vm } from "../src/rpc/contract/vm.ts";
import { type Comparison, type LeftOut, timed } from "./comparison.ts";
import { firecrackerByHand } from "./firecracker-by-hand.ts";
import { run, timeProgram } from "./programs.ts";
import { execAgainstSsh } from "./vm-exec.ts";

const rival = "Firecracker by hand";
const options = ["--vmm", "firecracker", "--disk-kind", "copy"];

/** `banger vm start`, the whole command, against the same Firecracker with the same kernel, initrd and disk, and no more around it. */
export async function firecrackerStart(): Promise<Comparison | LeftOut> {
  const leftOut = whyLeftOut();
  if (leftOut !== undefined) return { leftOut };
  const byHand = firecrackerByHand(await made("fast"), 0);
  return {
    name: "start to ready, Firecracker",
    ours: "banger vm start",
    rival,
    aim: { ratio: 1.05 },
    runs: 6,
    measureOurs: async () => {
      const took = await timeProgram("banger", ["vm", "start", "fast", "--quiet"]);
      await run("banger", ["vm", "kill", "fast", "--quiet"]);
      return took;
    },
    measureRival: async () => {
      const running = await byHand.start();
      await running.end();
      return running.tookMs;
    },
  };
}

/** What all the processes of a VM have in memory, once its agent has answered, against one that has nothing around it. */
export async function firecrackerMemory(): Promise<Comparison | LeftOut> {
  const leftOut = whyLeftOut();
  if (leftOut !== undefined) return { leftOut };
  const byHand = firecrackerByHand(await made("small"), 1);
  return {
    name: "memory of a VM, Firecracker",
    ours: "banger",
    rival,
    unit: "MiB",
    aim: { added: 5 },
    runs: 4,
    measureOurs: async () => {
      await run("banger", ["vm", "start", "small", "--quiet"]);
      const { pid } = JSON.parse(await run("banger", ["vm", "show", "small", "--json"])) as { pid: number };
      const used = memoryMib([pid, ...around(pid)]);
      await run("banger", ["vm", "kill", "small", "--quiet"]);
      return used;
    },
    measureRival: async () => {
      const running = await byHand.start();
      const used = memoryMib([running.pid]);
      await running.end();
      return used;
    },
  };
}

/** What somebody waits for who wants a machine for a command. */
export async function firecrackerFirstExec(): Promise<Comparison | LeftOut> {
  const leftOut = whyLeftOut();
  if (leftOut !== undefined) return { leftOut };
  const byHand = firecrackerByHand(await made("once"), 2);
  return {
    name: "create, start, first exec, Firecracker",
    ours: "banger",
    rival: "only its start, by hand",
    aim: { ratio: 1.3 },
    runs: 4,
    measureOurs: async () => {
      const took = await timed(async () => {
        await made("brief");
        await run("banger", ["vm", "start", "brief", "--quiet"]);
        await run("banger", ["vm", "exec", "brief", "--", "true"]);
      });
      await run("banger", ["vm", "delete", "brief", "--force", "--quiet"]);
      return took;
    },
    measureRival: async () => {
      const running = await byHand.start();
      await running.end();
      return running.tookMs;
    },
  };
}

/** A command in a guest that runs. */
export async function firecrackerExec(): Promise<Comparison | LeftOut> {
  const leftOut = whyLeftOut();
  return leftOut === undefined ? execAgainstSsh("exec-firecracker", options) : { leftOut };
}

/** A machine that runs is ended and removed, against its process's end and its disk's removal. */
export async function firecrackerDelete(): Promise<Comparison | LeftOut> {
  const leftOut = whyLeftOut();
  if (leftOut !== undefined) return { leftOut };
  const byHand = firecrackerByHand(await made("going"), 3);
  return {
    name: "delete one that runs, Firecracker",
    ours: "banger vm delete --force",
    rival: "kill and rm",
    aim: { added: 150 },
    runs: 4,
    measureOurs: async () => {
      await made("gone");
      await run("banger", ["vm", "start", "gone", "--quiet"]);
      return timeProgram("banger", ["vm", "delete", "gone", "--force", "--quiet"]);
    },
    measureRival: async () => {
      const running = await byHand.start();
      return timed(() => running.remove());
    },
  };
}

async function made(name: string): Promise<Vm> {
  return JSON.parse(await run("banger", ["vm", "create", "--name", name, ...options, "--json"])) as Vm;
}

/** Why nothing of this can be measured here. */
function whyLeftOut(): string | undefined {
  const { firecracker } = findFirecracker();
  if (firecracker === undefined) return "no firecracker is installed";
  if (firecracker.why !== undefined) return firecracker.why;
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch (error) {
    return `/dev/kvm can't be opened (${(error as NodeJS.ErrnoException).code})`;
  }
  return /\b(vmx|svm)\b/.test(readFileSync("/proc/cpuinfo", "utf8")) ? undefined : "the CPU has no virtualisation";
}

/** The processes that there are because of a VMM: its parent, which records it, and what else that started. */
function around(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)))
    parents.set(Number(name), field(Number(name), "PPid"));
  const recorder = parents.get(pid) ?? 0;
  return [
    recorder,
    ...[...parents].filter(([child, parent]) => parent === recorder && child !== pid).map(([child]) => child),
  ];
}

function memoryMib(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + field(pid, "VmRSS"), 0) / 1024;
}

/** A number of a process's status; 0 where it is gone. */
function field(pid: number, name: string): number {
  try {
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
