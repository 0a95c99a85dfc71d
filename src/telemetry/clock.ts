/** When the two clocks are further apart than this, the wall clock was set or slewed. */
const toleranceMs = 1.5;

/**
 * Unix time that goes on evenly within an operation. `Date.now()` has milliseconds only, and the monotonic clock, counted from
 * the process's start, leaves the wall clock in a process that lives for weeks: the one is followed, and held to the other.
 */
export class Clock {
  #correctionMs = 0;

  /** Unix time in nanoseconds. */
  nowNs(): bigint {
    const counted = performance.timeOrigin + performance.now();
    const wall = Date.now() + 0.5;
    if (Math.abs(wall - (counted + this.#correctionMs)) > toleranceMs) this.#correctionMs = wall - counted;
    return BigInt(Math.round((counted + this.#correctionMs) * 1e6));
  }
}
