import { readdirSync, readFileSync } from "node:fs";
import type { ProcessFacts } from "../files/facts.ts";
import type { Libc } from "../kernel/libc.ts";

/** The facts of a live process; undefined for one that is gone or a zombie. */
export function processFacts(pid: number): (ProcessFacts & { readonly uid: number }) | undefined {
  const stat = readProc(`${pid}/stat`);
  const status = readProc(`${pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  // The name may hold anything, also spaces and brackets: what counts stands behind the last bracket.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  const uid = Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
  return { pid, starttime: fields[19] ?? "", boot_id: bootId(), uid };
}

/** True when exactly this process still runs. */
export function isAlive(known: Partial<ProcessFacts>): known is ProcessFacts {
  if (known.pid === undefined) return false;
  const now = processFacts(known.pid);
  return now !== undefined && now.starttime === known.starttime && now.boot_id === known.boot_id;
}

/** Kills exactly this process, if it still runs. */
export function killProcess(known: ProcessFacts): void {
  if (!isAlive(known)) return;
  try {
    process.kill(known.pid, "SIGKILL");
  } catch (error) {
    // It ended between the two.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The children of a process. */
export function childrenOf({ pid }: ProcessFacts): ProcessFacts[] {
  const pids = readProc(`${pid}/task/${pid}/children`)?.trim() ?? "";
  return pids === "" ? [] : pids.split(" ").flatMap((child) => processFacts(Number(child)) ?? []);
}

/** All live processes of a uid. Reading every process takes milliseconds; the kernel says at once that there is none. */
export function processesOf(libc: Pick<Libc, "uidHasProcesses">, uid: number): ProcessFacts[] {
  if (!libc.uidHasProcesses(uid)) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => uidOf(pid) === uid)
    .flatMap((pid) => processFacts(pid) ?? []);
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
