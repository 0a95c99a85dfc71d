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
}

/** So many of the console's last lines are looked at: a panic comes with a trace of the stack. */
const lastLines = 60;
/** What the guest printed last is on its way through a logger. */
const printedWithinMs = 300;
const lookAgainMs = 20;

/** The kernel's own words for its end, which it prints whatever its log level is (kernel/reboot.c, kernel/panic.c). */
const endings: readonly (readonly [RegExp, ShutdownCause])[] = [
  [/Kernel panic - not syncing/, "panic"],
  [/reboot: Restarting system/, "reset"],
  [/reboot: (Power down|System halted)/, "shutdown"],
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
  return { exit: vm.exit ?? exitFrom(recorded, cause), words: status?.last_words, console: log.tail(lastLines) };
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
