import { readFileSync } from "node:fs";

/** A process: numbers are given again, but not with the same start. */
export interface ProcessId {
  readonly pid: number;
  /** When it was started, in clock ticks since the host was (proc(5), starttime). */
  readonly startTicks: number;
}

/** What a process took of its host until now. */
export interface ProcessUse {
  /** Seconds of CPU, in user mode and in the kernel. */
  readonly cpuS: number;
  /** Seconds since it was started. */
  readonly ageS: number;
  readonly residentBytes: number;
}

interface ProcessStat extends ProcessId {
  readonly cpuTicks: number;
  readonly residentPages: number;
}

/** Of x86-64 (sysconf(3), _SC_CLK_TCK and _SC_PAGE_SIZE). */
const ticksPerS = 100;
const pageBytes = 4096;

/** Reads /proc/PID/stat (proc(5)); undefined for what is none. The name is in parentheses, and may have any in it. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const end = text.lastIndexOf(")");
  const pid = Number(/^\d+(?= \()/.exec(text)?.[0]);
  // Behind the name, from the third field on.
  const rest = text.slice(end + 2).split(" ");
  const field = (number: number) => Number(rest[number - 3] || Number.NaN);
  const stat = { pid, startTicks: field(22), cpuTicks: field(14) + field(15), residentPages: field(24) };
  return end !== -1 && Object.values(stat).every(Number.isSafeInteger) ? stat : undefined;
}

/** The processes of a host, as its /proc says without any privilege. */
export class HostProcesses {
  readonly #proc: string;

  constructor(proc = "/proc") {
    this.#proc = proc;
  }

  /** The process that has this number now. */
  identify(pid: number): ProcessId | undefined {
    const stat = this.#stat(pid);
    return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
  }

  /** What a process took; undefined when it is gone, whoever has its number now. */
  useOf({ pid, startTicks }: ProcessId): ProcessUse | undefined {
    const stat = this.#stat(pid);
    if (stat === undefined || stat.startTicks !== startTicks) return undefined;
    return {
      cpuS: stat.cpuTicks / ticksPerS,
      ageS: Number(this.#read("uptime")?.split(" ")[0]) - startTicks / ticksPerS,
      residentBytes: Math.max(0, stat.residentPages) * pageBytes,
    };
  }

  #stat(pid: number): ProcessStat | undefined {
    const text = this.#read(`${pid}/stat`);
    return text === undefined ? undefined : parseProcessStat(text);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(`${this.#proc}/${name}`, "latin1");
    } catch {
      // It has ended, or processes of others are hidden (proc(5), hidepid).
      return undefined;
    }
  }
}
