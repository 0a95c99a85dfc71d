import type { Vm } from "../../rpc/contract/vm.ts";
import type { RunningVms } from "./running.ts";

/** Why a guest stands still, for whoever waits for something in it. */
const reasons: Partial<Record<NonNullable<Vm["health"]>, string>> = {
  no_space: "the host's disk is full; it goes on when there is room",
  disk_failed: "its disk can't be written (a quota, or a broken disk); it is tried again",
  paused: "it was paused; `banger vm resume` lets it go on",
};

/** What telling of a standstill needs. */
export interface StandstillDeps {
  readonly running: Pick<RunningVms, "healthOf" | "changed">;
  readonly vm: Pick<Vm, "id" | "name" | "state">;
  readonly tell: (text: string) => void;
  /** What is waited for is over. */
  readonly signal: AbortSignal;
}

/** Tells each time when a guest comes to stand still, and when it goes on. */
export async function tellOfStandstill({ running, vm, tell, signal }: StandstillDeps): Promise<void> {
  for (let told: string | undefined; !signal.aborted; ) {
    const changed = running.changed(signal);
    const reason = reasons[running.healthOf(vm) ?? "ok"];
    if (reason !== told) tell(reason === undefined ? `${vm.name} goes on` : `${vm.name} stands still: ${reason}`);
    told = reason;
    await changed;
  }
}
