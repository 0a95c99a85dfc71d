/** How much may be under way: for each guest, and in all. A guest that floods is only itself unheard. */
export class Quota {
  readonly #each: number;
  readonly #all: number;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(limits: { readonly each: number; readonly all: number }) {
    this.#each = limits.each;
    this.#all = limits.all;
  }

  /** Gives what takes it back; undefined when there is no room. */
  take(who: string): (() => void) | undefined {
    const held = this.#held.get(who) ?? 0;
    if (held >= this.#each || this.#total >= this.#all) return undefined;
    this.#held.set(who, held + 1);
    this.#total++;
    return () => {
      const left = (this.#held.get(who) ?? 1) - 1;
      if (left === 0) this.#held.delete(who);
      else this.#held.set(who, left);
      this.#total--;
    };
  }
}
