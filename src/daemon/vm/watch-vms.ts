import { setTimeout as delay } from "node:timers/promises";
import type { Vm } from "../../rpc/contract/vm.ts";

/** What watching VMs needs. */
export interface WatchDeps {
  /** Resolves when a VM may be another than it is now, or `over` aborts. */
  readonly changed: (over: AbortSignal) => Promise<unknown>;
  readonly list: () => Promise<readonly Vm[]>;
  readonly signal: AbortSignal;
  /** Resolves when the watcher has taken it. */
  readonly tell: (vms: readonly Vm[]) => Promise<void>;
}

/** What changes within this is told at once. */
const togetherMs = 100;
/** What nobody tells of, an agent that fell silent, is asked for again after this; only while somebody watches. */
const lookAgainMs = 1_000;

/** Tells the VMs now and after each change, until the watcher leaves: no more often than it takes them, and what is the same only once. */
export async function watchVms({ changed, list, signal, tell }: WatchDeps): Promise<never> {
  for (let told = ""; !signal.aborted; ) {
    const over = new AbortController();
    const end = () => over.abort();
    signal.addEventListener("abort", end);
    let again: NodeJS.Timeout | undefined;
    try {
      // Before they are looked at: what changes while they are told isn't missed.
      const next = changed(over.signal);
      const vms = await list();
      const text = JSON.stringify(vms.map((vm) => ({ ...vm, last_used_at: "" })));
      if (text !== told) await tell(vms);
      told = text;
      again = setTimeout(end, lookAgainMs).unref();
      await next;
    } finally {
      // Who waits for a change no more is forgotten, however long none comes.
      end();
      clearTimeout(again);
      signal.removeEventListener("abort", end);
    }
    await delay(togetherMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
  throw signal.reason;
}
