import { setTimeout as delay } from "node:timers/promises";
import type { Vm } from "../../rpc/contract/vm.ts";

/** What watching VMs needs. */
export interface WatchDeps {
  /** Each resolves when a VM may be another than it is now. */
  readonly changes: () => readonly Promise<void>[];
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
export async function watchVms({ changes, list, signal, tell }: WatchDeps): Promise<never> {
  const left = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => left.resolve(), { once: true });
  for (let told = ""; !signal.aborted; ) {
    // Before they are looked at: what changes while they are told isn't missed.
    const changed = changes();
    const vms = await list();
    const text = JSON.stringify(vms.map((vm) => ({ ...vm, last_used_at: "" })));
    if (text !== told) await tell(vms);
    told = text;
    const later = new AbortController();
    const again = delay(lookAgainMs, undefined, { signal: later.signal, ref: false }).catch(() => undefined);
    await Promise.race([...changed, left.promise, again]);
    later.abort();
    await delay(togetherMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
  throw signal.reason;
}
