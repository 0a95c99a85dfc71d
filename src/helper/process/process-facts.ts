import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { ProcessFacts } from "../files/facts.ts";

const pollMs = 10;
const endDeadlineMs = 5_000;

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

/** Kills exactly this process and waits until it is gone. */
export async function endProcess(known: ProcessFacts): Promise<void> {
  const deadline = performance.now() + endDeadlineMs;
  while (isAlive(known)) {
    if (performance.now() > deadline) {
      throw new BangerError("command_failed", `process ${known.pid} did not end in ${endDeadlineMs} ms`);
    }
    process.kill(known.pid, "SIGKILL");
    await delay(pollMs);
  }
}

/** The pids of all live processes of a uid. */
export function processesOf(uid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => processFacts(pid)?.uid === uid);
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
