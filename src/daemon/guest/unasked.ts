/** So many of them may come at once, and so many more a second. */
const most = 4_096;
const perSecond = 64;

/** Counts what a guest or its VMM sends that nobody asked for: a little is borne, a flood of it is an attack. */
export class Unasked {
  readonly #now: () => number;
  #left = most;
  #at: number;

  /** `now`: a clock that only goes forward, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#at = now();
  }

  /** So many more may come late. */
  expect(count: number): void {
    this.#left += count;
  }

  /** Counts one; false when it is one too many. */
  take(): boolean {
    const at = this.#now();
    if (this.#left < most) this.#left = Math.min(most, this.#left + ((at - this.#at) / 1000) * perSecond);
    this.#at = at;
    this.#left--;
    return this.#left >= 0;
  }
}
