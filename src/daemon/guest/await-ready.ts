import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { printable } from "../../rpc/printable.ts";
import type { AgentLink, AgentReady } from "./agent-link.ts";

/** A guest that boots. */
export interface BootingGuest {
  readonly agent: Pick<AgentLink, "ready">;
  /** Resolves when the VMM closed its connection. */
  readonly lost: Promise<unknown>;
  /** The console's last lines. */
  readonly tail: (lines: number) => string;
}

/** A VMM that ends has this long for its last words, and the console's. */
const lastWordsMs = 200;
/** How many of the console's last lines an error carries. */
const consoleLines = 50;

/** Waits for the guest's agent, no longer than the VMM lives; what fails says what the guest printed last. */
export async function awaitReady(
  { agent, lost, tail }: BootingGuest,
  caller: AbortSignal,
  deadlineMs: number,
): Promise<AgentReady> {
  const gone = new AbortController();
  void lost.then(() => gone.abort(new BangerError("guest_died", "the VMM ended while the guest booted")));
  try {
    return await agent.ready(AbortSignal.any([caller, gone.signal]), deadlineMs);
  } catch (cause) {
    caller.throwIfAborted();
    if (!(cause instanceof BangerError) || !["guest_died", "deadline_exceeded"].includes(cause.code)) throw cause;
    // The agent's socket may close before that of the VMM: it is ending, and its last words are on the way.
    await Promise.race([lost, delay(lastWordsMs, undefined, { ref: false })]);
    if (cause.code === "guest_died") await delay(lastWordsMs);
    throw new BangerError(cause.code, cause.plain, { cause, details: { console: printable(tail(consoleLines)) } });
  }
}
