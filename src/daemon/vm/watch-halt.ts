import { setTimeout as delay } from "node:timers/promises";
import type { AgentLink } from "../guest/agent-link.ts";
import type { VmmConnection } from "../vmm/driver.ts";

/** What watching for a halt needs. */
export interface HaltDeps {
  readonly vmm: Pick<VmmConnection, "condition" | "lost" | "closed">;
  readonly agent: Pick<AgentLink, "state" | "onState">;
  /** Whether its kernel's last words say so. */
  readonly isHalted: () => boolean;
}

/** Who prints it does so before its agent is missed; a guest that is slow to go is looked at again. */
const lookAgainMs = 5_000;

/**
 * Waits until a guest has halted whose VMM doesn't end by that: true then, false when the connection to its VMM is over.
 * Nothing is looked at while its agent answers.
 */
export async function watchHalt({ vmm, agent, isHalted }: HaltDeps): Promise<boolean> {
  const over = new AbortController();
  void Promise.race([vmm.lost, vmm.closed]).then(() => over.abort());
  let changed = Promise.withResolvers<void>();
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const unlisten = agent.onState(wake);
  over.signal.addEventListener("abort", wake, { once: true });
  try {
    while (!over.signal.aborted) {
      const next = changed.promise;
      if (agent.state === "answers") {
        await next;
        continue;
      }
      if (vmm.condition === "running" && isHalted()) return true;
      const waited = new AbortController();
      await Promise.race([
        next,
        delay(lookAgainMs, undefined, { ref: false, signal: waited.signal }).catch(() => undefined),
      ]);
      waited.abort();
    }
    return false;
  } finally {
    unlisten();
  }
}
