import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { AgentClient } from "./agent-client.ts";

/** What following the host's clock needs. */
export interface FollowClockDeps {
  readonly client: Pick<AgentClient, "clock">;
  /** The host's clock, in nanoseconds of Unix time. */
  readonly now: () => bigint;
  /** It is looked at so often. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

/** By so much a guest's clock may be off before it is set again. */
const toleranceNs = 500_000_000n;

/** Sets a guest's clock again whenever the host's was set, or the host slept: a guest notices neither. Until `signal` aborts. */
export async function followClock({ client, now, everyMs, signal }: FollowClockDeps): Promise<void> {
  // Against a clock that nobody sets, and that stands still while the host sleeps, as the guest's does.
  const lead = () => now() - process.hrtime.bigint();
  for (let before = lead(); ; ) {
    await delay(everyMs, undefined, { signal, ref: false });
    const after = lead();
    const off = after - before;
    if (off < toleranceNs && off > -toleranceNs) continue;
    try {
      await client.clock.set(await client.clock.anchor(now));
      before = after;
    } catch (error) {
      // A guest that is slow, or stands still, is asked again; one whose session is over isn't.
      signal.throwIfAborted();
      if (!(error instanceof BangerError) || error.code !== "deadline_exceeded") throw error;
    }
  }
}
