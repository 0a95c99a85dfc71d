import { closeSync, readdirSync, readFileSync } from "node:fs";
import type { ProcessFacts } from "../files/facts.ts";
import { KernelError, type Libc } from "../kernel/libc.ts";

const ESRCH = 3;

/** The facts of a live process; undefined for one that is gone or a zombie. */
export function processFacts(pid: number): (ProcessFacts & { readonly uid: number }) | undefined {
  const before = stat(pid);
  const status = readProc(`${pid}/status`);
  const after = stat(pid);
  // Its pid may have gone to another process between two of these.
  if (before === undefined || status === undefined || after?.starttime !== before.starttime) return undefined;
  if (after.state === "Z" || after.state === "X") return undefined;
  const uid = Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
  return { pid, starttime: after.starttime, boot_id: bootId(), uid };
}

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly starttime: string;
  readonly cpuTicks: number;
}

/** What /proc/PID/stat says. The name may hold anything, also spaces and brackets: what counts stands behind the last bracket. */
function stat(pid: number): Stat | undefined {
  const text = readProc(`${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = "", parent] = fields;
  // utime and stime (proc_pid_stat(5)).
  const cpuTicks = Number(fields[11]) + Number(fields[12]);
  return { state, parent: Number(parent), starttime: fields[19] ?? "", cpuTicks };
}

/** The time that a process spent on processors, in ticks of the kernel's clock; of one that is gone none. */
export function cpuTicks(pid: number): number {
  return stat(pid)?.cpuTicks ?? 0;
}

/** True when exactly this process still runs. */
export function isAlive(known: Partial<ProcessFacts>): known is ProcessFacts {
  if (known.pid === undefined) return false;
  const now = processFacts(known.pid);
  return now !== undefined && now.starttime === known.starttime && now.boot_id === known.boot_id;
}

/**
 * Kills exactly this process, if it still runs. The descriptor stands for whoever had the pid when it was opened; when
 * the process is found alive after that, it was that one, and no later holder of the pid can be hit.
 */
export function killProcess(libc: Pick<Libc, "pidfdOpen" | "pidfdKill">, known: ProcessFacts): void {
  try {
    const pidfd = libc.pidfdOpen(known.pid);
    try {
      if (isAlive(known)) libc.pidfdKill(pidfd);
    } finally {
      closeSync(pidfd);
    }
  } catch (error) {
    // It ended before, or between the two.
    if (!(error instanceof KernelError && error.errno === ESRCH)) throw error;
  }
}

/** The children of a process that lives; of another that got its pid none. */
export function childrenOf(known: ProcessFacts): ProcessFacts[] {
  const pids = readProc(`${known.pid}/task/${known.pid}/children`)?.trim() ?? "";
  const children = pids
    .split(" ")
    .filter((pid) => pid !== "")
    .flatMap((pid) => processFacts(Number(pid)) ?? [])
    .filter(({ pid }) => stat(pid)?.parent === known.pid);
  return isAlive(known) ? children : [];
}

/** Whether a thread of a process has a filter of system calls (seccomp(2)); of one that is gone none has. */
export function hasFilter(pid: number): boolean {
  return threadsOf(pid).some((thread) => /^Seccomp:\t2$/m.test(readProc(`${pid}/task/${thread}/status`) ?? ""));
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** All live processes of a uid. Reading every process takes milliseconds; the kernel says at once that there is none. */
export function processesOf(libc: Pick<Libc, "uidHasProcesses">, uid: number): ProcessFacts[] {
  if (!libc.uidHasProcesses(uid)) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => uidOf(pid) === uid)
    .flatMap((pid) => processFacts(pid) ?? [])
    .filter((found) => found.uid === uid);
}

/** A process's real uid; of one that is gone none. */
function uidOf(pid: number): number | undefined {
  const status = readProc(`${pid}/status`);
  return status === undefined ? undefined : Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
