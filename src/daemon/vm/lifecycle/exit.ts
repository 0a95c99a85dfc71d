import { existsSync } from "node:fs";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import type { ResultOf } from "../../../rpc/contract/method.ts";
import type { Vm } from "../../../rpc/contract/vm.ts";
import { printable, printableLine } from "../../../rpc/printable.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { ShutdownCause } from "../../vmm/driver.ts";
import { mostShortRuns } from "../reboot-limit.ts";
import type { StoredVm } from "../vm-records.ts";

/** What the helper knows of a VM's VMM. */
type Status = ResultOf<typeof helperContract.vmmStatus>;
type RecordedExit = NonNullable<Status["exit"]>;
type Exit = NonNullable<Vm["exit"]>;

/** Asks the helper, which alone sees processes and remembers how they ended. */
export interface ExitReader {
  status(vmId: string): Promise<Status>;
  /** False when the VMM is dead for certain. */
  isAlive(vm: Pick<StoredVm, "id" | "pid">): Promise<boolean>;
  /** How a VMM ended that is dead already; undefined when it lives, or nobody can say. */
  endOf(vm: Pick<StoredVm, "id" | "generation" | "pid">, said?: ShutdownCause): Promise<Exit | undefined>;
}

/** What reading exits needs. */
export interface ExitReaderDeps {
  readonly helper: Pick<HelperLink, "call">;
  /** Asked only while the helper is away. */
  readonly processes: { mayLive(pid: number): boolean };
}

/** A question that touches nothing: a helper that doesn't answer it soon is away. */
const statusDeadlineMs = 3_000;

/** What /proc shows: a process that isn't there is dead, unless processes of others are hidden (proc(5), hidepid). */
export const procProcesses: ExitReaderDeps["processes"] = {
  mayLive: (pid) => existsSync(`/proc/${pid}`) || !existsSync("/proc/1"),
};

/** Reads exits from the helper's facts. */
export function createExitReader({ helper, processes }: ExitReaderDeps): ExitReader {
  const status = (vmId: string) =>
    helper.call(helperContract.vmmStatus, { vm_id: vmId }, { deadlineMs: statusDeadlineMs });
  const unlessAway = async <T>(work: Promise<T>, away: T): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof BangerError) return away;
      throw error;
    }
  };
  return {
    status,
    isAlive: async ({ id, pid }) => {
      const known = await unlessAway<Status | undefined>(status(id), undefined);
      return known === undefined ? pid === null || processes.mayLive(pid) : known.running;
    },
    endOf: async ({ id, generation, pid }, said) => {
      const known = await unlessAway<Status | undefined>(status(id), undefined);
      if (known === undefined) return pid === null || processes.mayLive(pid) ? undefined : exitFrom(undefined, said);
      if (known.running) return undefined;
      return exitFrom(known.exit?.generation === generation ? known.exit : undefined, said);
    },
  };
}

/** An exit as a VM's record keeps it: of what the VMM said and what its recorder saw, a signal counts most. */
export function exitFrom(recorded: RecordedExit | undefined, said: ShutdownCause | undefined): Exit {
  const { status = null, signal = null, at = new Date().toISOString(), out_of_memory: out } = recorded ?? {};
  if (signal !== null) return { how: "exited", status, signal, at, ...(out === true ? { out_of_memory: out } : {}) };
  return { how: said ?? (status === null ? "unknown" : "exited"), status, signal, at };
}

/** How a VM ended that banger took away. */
export function killed(): Exit {
  return { how: "killed", status: null, signal: 9, at: new Date().toISOString() };
}

/** What is known of an end that nobody asked for. */
interface Ended {
  readonly exit: Exit;
  /** The VMM's own words. */
  readonly words: string | undefined;
  /** The console's last lines. */
  readonly console: string;
}

/** What a record says of an end that nobody asked for; null when the guest went in order. */
export function errorOfExit({ exit, words: lastWords, console }: Ended, opId: string): Vm["error"] {
  const words = lastWords === undefined || lastWords === "" ? "" : `: ${printableLine(lastWords)}`;
  const failed = (message: string) => ({
    code: "guest_died",
    message: `${message}${words}`,
    op_id: opId,
    ...(console === "" ? {} : { console: printable(console) }),
  });
  switch (exit.how) {
    case "shutdown":
    case "killed":
      return null;
    case "reset":
      return failed(
        `the guest rebooted ${mostShortRuns} times in a row, each soon after its start, and is not started again`,
      );
    case "panic":
      return failed(`the guest's kernel panicked${panicWords(console)}`);
    case "exited":
      // A VMM leaves with 0 only when its guest went: in order, or by a reset of which its kernel said nothing.
      if (exit.status === 0) return null;
      if (exit.out_of_memory === true) return failed("the host ran out of memory, and its kernel killed the VMM");
      return failed(
        exit.signal === null
          ? `the VMM ended by itself with status ${exit.status}`
          : `the VMM was ended by signal ${exit.signal}`,
      );
    case "unknown":
      return failed("the VMM ended, and what saw it end was ended too");
  }
}

/** Of a panic's first line, why. */
function panicWords(console: string): string {
  const why = /Kernel panic - not syncing: *([^\r\n]*)/.exec(console)?.[1] ?? "";
  return why === "" ? "" : `: ${printableLine(why.slice(0, 200))}`;
}
