/** The clocks that a `Clock` reads, in milliseconds. */
export interface HostClocks {
  /** Unix time in whole milliseconds, rounded down. */
  readonly wall: () => number;
  /** What goes on evenly, from any beginning, with parts of a millisecond. */
  readonly counted: () => number;
}

const hostClocks: HostClocks = {
  wall: () => Date.now(),
  counted: () => performance.timeOrigin + performance.now(),
};

/** The wall clock was set or slewed when its bounds are passed by more. */
const setMs = 0.01;

/**
 * Unix time that goes on evenly within an operation, the same in each process of a host. The wall clock is told in whole
 * milliseconds, and the monotonic clock is counted from a process's start, at which it was read a moment, or under load
 * milliseconds, before the wall clock was. Each reading of both bounds the distance between them: after a few it is known to some
 * microseconds, so that a span in another process doesn't begin before its parent.
 */
export class Clock {
  readonly #clocks: HostClocks;
  /** What is to be added to the counted clock lies between. */
  #leastMs = Number.NEGATIVE_INFINITY;
  #mostMs = Number.POSITIVE_INFINITY;
  #correctionMs = 0;
  /** What was told last, below which only a clock that was set goes. */
  #toldMs = 0;

  constructor(clocks: HostClocks = hostClocks) {
    this.#clocks = clocks;
  }

  /** Unix time in nanoseconds. */
  nowNs(): bigint {
    const before = this.#clocks.counted();
    const wall = this.#clocks.wall();
    const after = this.#clocks.counted();
    const least = wall - after;
    const most = wall + 1 - before;
    if (least > this.#mostMs + setMs || most < this.#leastMs - setMs) {
      [this.#leastMs, this.#mostMs, this.#toldMs] = [least, most, 0];
    } else {
      this.#leastMs = Math.max(this.#leastMs, least);
      this.#mostMs = Math.min(this.#mostMs, most);
    }
    this.#correctionMs = Math.min(Math.max(this.#correctionMs, this.#leastMs), this.#mostMs);
    this.#toldMs = Math.max(this.#toldMs, after + this.#correctionMs);
    return BigInt(Math.round(this.#toldMs * 1e6));
  }
}
