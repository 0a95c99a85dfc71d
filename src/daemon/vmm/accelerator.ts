import { BangerError } from "../../rpc/contract/errors.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { Accelerator } from "./driver.ts";

/** How this host can run guests: the helper tries KVM as a VMM would use it; one that can't say is of a version that never gave a VMM the device. */
export async function probeAccelerator(helper: Pick<HelperLink, "call">): Promise<Accelerator> {
  try {
    const { usable, why } = await helper.call(helperContract.kvmProbe, {});
    return { kind: usable ? "kvm" : "tcg", why };
  } catch (error) {
    if (!(error instanceof BangerError) || error.code !== "unknown_method") throw error;
    return { kind: "tcg", why: "the helper is older than the daemon and doesn't try KVM; restart it" };
  }
}

/** An answer is told for so long: who waits for a long command asks every few seconds. */
const tellMs = 60_000;

/** The same for who only tells of it: what was found in the last minute, else it is asked; undefined where nobody can say. */
export function toldAccelerator(probe: () => Promise<Accelerator>): () => Promise<Accelerator | undefined> {
  let known: { readonly sinceMs: number; readonly answer: Promise<Accelerator | undefined> } | undefined;
  return () => {
    if (known !== undefined && performance.now() - known.sinceMs < tellMs) return known.answer;
    const answer = probe().catch(() => {
      known = undefined;
      return undefined;
    });
    known = { sinceMs: performance.now(), answer };
    return answer;
  };
}
