import type { StoredVm } from "./vm-records.ts";

/** A guest that runs less long before it reboots is counted; after so many in a row it is not started again. */
const shortMs = 60_000;
/** The number of short runs in a row after which a guest is given up. */
export const mostShortRuns = 5;

/** Counts the reboots of guests that don't get far, so that none of them goes round in circles for ever. */
export class RebootLimit {
  readonly #chains = new Map<string, { readonly generation: number; readonly short: number }>();

  /** Counts a reboot of a VM that ran for so long; false when it is one too many. A start that somebody asked for counts anew. */
  allows({ id, generation }: Pick<StoredVm, "id" | "generation">, ranMs: number): boolean {
    const before = this.#chains.get(id);
    const earlier = before?.generation === generation ? before.short : 0;
    const short = ranMs < shortMs ? earlier + 1 : 0;
    this.#chains.delete(id);
    if (short >= mostShortRuns) return false;
    // The start that follows is of the next generation.
    this.#chains.set(id, { generation: generation + 1, short });
    return true;
  }
}
