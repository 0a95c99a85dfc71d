/** How lines get to whoever reads them. */
export interface HeldLinesDeps {
  /** So much waits for a reader that is slow; what is beyond it is dropped. */
  readonly limitBytes: number;
  /** What waits is tried again after this, though nothing else is written. */
  readonly retryAfterMs: number;
  /** Writes what there is room for now and says how much that was; never waits. `never` for what can't be written at all. */
  readonly take: (bytes: Buffer) => number | "never";
  /** What says that so many are missing. */
  readonly gap: (dropped: number) => Buffer;
  /** True for a stream, where what waits may be written as one. */
  readonly joins: boolean;
}

/** Lines on their way to a reader that may be slow, stand still or have left: they wait for a while, in bounded memory, then are dropped and counted, and a line says so where the gap is. */
export class HeldLines {
  readonly #deps: HeldLinesDeps;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #dropped = 0;
  #untold = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: HeldLinesDeps) {
    this.#deps = deps;
  }

  /** How many lines were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** True while something waits, or is missing that nothing says yet. */
  get behind(): boolean {
    return this.#held.length > 0 || this.#untold > 0;
  }

  write(line: Buffer): void {
    this.flush();
    const isFull = this.#held.length > 0 && this.#heldBytes + line.length > this.#deps.limitBytes;
    // One gap at a time: until what waits is written, what comes is a part of it.
    if (this.#untold > 0 || isFull) {
      this.#drop();
      return;
    }
    this.#hold(line);
    this.flush();
  }

  /** Writes what it can of what waits. */
  flush(): void {
    this.#flushHeld();
    if (this.#held.length > 0 || this.#untold === 0) return;
    const gap = this.#deps.gap(this.#untold);
    const taken = this.#deps.take(gap);
    if (taken === "never" || taken === 0) return this.#retryLater();
    this.#untold = 0;
    if (taken === gap.length) return;
    this.#hold(gap.subarray(taken));
    this.#retryLater();
  }

  #flushHeld(): void {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const taken = this.#deps.take(first);
      if (taken === 0) return this.#retryLater();
      if (taken === "never") this.#drop();
      const gone = taken === "never" ? first.length : taken;
      this.#heldBytes -= gone;
      if (gone < first.length) this.#held[0] = first.subarray(gone);
      else this.#held.shift();
    }
  }

  #drop(): void {
    this.#dropped++;
    this.#untold++;
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #retryLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // In few large writes: what a socket has room for is counted in writes too.
      if (this.#deps.joins && this.#held.length > 1) this.#held = [Buffer.concat(this.#held)];
      this.flush();
    }, this.#deps.retryAfterMs).unref();
  }
}
