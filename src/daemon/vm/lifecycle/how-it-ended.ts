import { setTimeout as delay } from "node:timers/promises";
import type { Layout } from "../../../installation/layout.ts";
import { ConsoleLog } from "../../vmm/console-log.ts";
import type { ShutdownCause } from "../../vmm/driver.ts";
import type { StoredVm } from "../vm-records.ts";
import { exitFrom, type ExitReader } from "./exit.ts";

/** What asking how a VM ended needs. */
export interface HowItEndedDeps {
  readonly layout: Layout;
  readonly exits: ExitReader;
}

/** How a VMM ended that nobody took away, with what was said last. */
export interface End {
  readonly exit: NonNullable<StoredVm["exit"]>;
  /** The VMM's own words. */
  readonly words: string | undefined;
  /** The console's last lines, as the guest wrote them. */
  readonly console: string;
  /** How isn't known, as the helper, which may know it, did not answer. */
  readonly unasked?: true;
}

/** So many of the console's last lines are looked at: a panic comes with a trace of the stack. */
const lastLines = 60;
/** What the guest printed last is on its way through a logger. */
const printedWithinMs = 300;
const lookAgainMs = 20;

/** The kernel's own words for its end, which it prints whatever its log level is (kernel/reboot.c, kernel/panic.c). */
const endings: readonly (readonly [RegExp, ShutdownCause])[] = [
  [/Kernel panic - not syncing/, "panic"],
  // What a guest's init and agent ask for that can only reset its machine (guest/agent/machine.c).
  [/reboot: Restarting system with command 'power off'/, "shutdown"],
  [/reboot: Restarting system/, "reset"],
  // What it says to a reset that is asked for by key (drivers/tty/sysrq.c).
  [/sysrq: Resetting/, "reset"],
  [/reboot: (Power down|System halted|Power off not available)/, "shutdown"],
];

/** Asks the record, the VMM's recorder and the console: what happened while no daemon listened to the VMM is known by these alone. */
export async function howItEnded(
  { layout, exits }: HowItEndedDeps,
  vm: StoredVm,
  said: ShutdownCause | undefined,
): Promise<End> {
  const status = await exits.status(vm.id).catch(() => undefined);
  const recorded = status?.exit?.generation === vm.generation ? status.exit : undefined;
  const log = new ConsoleLog(layout.vm(vm.id).consoleLog);
  // A guest's reset may be a panic of a kernel that can't tell the VMM; whatever was killed ended otherwise.
  const unclear = (said === undefined || said === "reset") && (recorded === undefined || recorded.signal === null);
  const printed = unclear ? await lastPrinted(log) : undefined;
  // QEMU leaves with 0 when its guest went by itself: what that printed says how, where nobody heard the VMM.
  const cause = printed === "panic" ? printed : (said ?? (recorded?.status === 0 ? printed : undefined));
  const exit = isSettled(vm.exit, recorded) ? vm.exit : exitFrom(recorded, cause);
  return {
    exit,
    words: status?.last_words,
    console: log.tail(lastLines),
    ...(status === undefined && exit.how === "unknown" ? { unasked: true } : {}),
  };
}

/** True where the last that a guest's kernel printed is that it has halted, in order. */
export function isHalted({ layout }: Pick<HowItEndedDeps, "layout">, { id }: Pick<StoredVm, "id">): boolean {
  return causeInConsole(new ConsoleLog(layout.vm(id).consoleLog).tail(1)) === "shutdown";
}

/** The end of a guest that has halted, and whose VMM runs on. */
export function endByHalt({ layout }: Pick<HowItEndedDeps, "layout">, { id }: Pick<StoredVm, "id">): End {
  return {
    exit: { how: "shutdown", status: null, signal: null, at: new Date().toISOString() },
    words: undefined,
    console: new ConsoleLog(layout.vm(id).consoleLog).tail(lastLines),
  };
}

/** True for an end that is in the record; one that nobody could tell gives way to what the helper tells now. */
function isSettled(exit: StoredVm["exit"], recorded: object | undefined): exit is NonNullable<StoredVm["exit"]> {
  return exit !== null && (exit.how !== "unknown" || recorded === undefined);
}

async function lastPrinted(log: ConsoleLog): Promise<ShutdownCause | undefined> {
  for (const deadline = performance.now() + printedWithinMs; ; await delay(lookAgainMs)) {
    const cause = causeInConsole(log.tail(lastLines));
    if (cause !== undefined || performance.now() > deadline) return cause;
  }
}

/** Why the guest ended, by what its kernel printed last. */
export function causeInConsole(text: string): ShutdownCause | undefined {
  const lines = text.split("\n").toReversed();
  for (const line of lines) {
    const found = endings.find(([words]) => words.test(line));
    if (found !== undefined) return found[1];
  }
  return undefined;
}
