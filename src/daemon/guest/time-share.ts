/** What a share of time is made of. */
export interface TimeShareDeps {
  /** The part of the time that may be spent, between 0 and 1. */
  readonly part: number;
  /** So much may be spent at once. */
  readonly burstMs: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
}

/** Bounds the time that is spent for somebody: who takes more waits for the rest. */
export class TimeShare {
  readonly #deps: TimeShareDeps;
  #leftMs: number;
  #at: number;

  constructor(deps: TimeShareDeps) {
    this.#deps = deps;
    this.#leftMs = deps.burstMs;
    this.#at = deps.now();
  }

  /** Says for how many milliseconds nothing more is to be spent; 0 while there is something left. */
  spend(ms: number): number {
    const { part, burstMs, now } = this.#deps;
    const at = now();
    this.#leftMs = Math.min(this.#leftMs + (at - this.#at) * part, burstMs) - ms;
    this.#at = at;
    return this.#leftMs >= 0 ? 0 : Math.ceil(-this.#leftMs / part);
  }
}
