import { setTimeout as delay } from "node:timers/promises";
import { helperContract } from "../../rpc/contract/helper.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { printableLine } from "../../rpc/printable.ts";
import type { HelperLink } from "../helper/helper-link.ts";

/** A VMM whose socket closed is gone after this, if it goes. */
const endsWithinMs = 1_000;
const lookAgainMs = 20;

/** Does something with a VMM; when that closes its socket because it is ending, its own words say why. */
export async function orItsLastWords<T>(
  deps: { readonly helper: Pick<HelperLink, "call">; readonly vmId: string; readonly name: string },
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof BangerError) || cause.code !== "guest_died") throw cause;
    // Without the helper its words are missed, not what happened.
    const words = await wordsOfTheDead(deps.helper, deps.vmId).catch(() => undefined);
    if (words === undefined) throw cause;
    throw new BangerError("guest_died", `${deps.name} ended: ${printableLine(words)}`, { cause });
  }
}

/** What a VMM said that closed its socket because it is ending; undefined when it lives on, or said nothing. */
async function wordsOfTheDead(helper: Pick<HelperLink, "call">, vmId: string): Promise<string | undefined> {
  for (const deadline = performance.now() + endsWithinMs; ; await delay(lookAgainMs)) {
    const { running, last_words: words } = await helper.call(helperContract.vmmStatus, { vm_id: vmId });
    if (!running || performance.now() > deadline) return running ? undefined : words;
  }
}
