/** When a silent peer is asked for a sign of life, and when it is given up. */
export interface KeepAliveOptions {
  /** A method of the peer that costs it nothing. */
  readonly method: string;
  /** How long it may be silent before it is asked. */
  readonly afterMs: number;
  /** How long it then has. */
  readonly withinMs: number;
}

/** What a keep-alive needs. */
export interface KeepAliveDeps extends KeepAliveOptions {
  /** How often something arrived from the peer. */
  readonly heard: () => number;
  /** True while this side doesn't listen, being busy with what arrived. */
  readonly deaf: () => boolean;
  readonly ask: () => void;
  /** Called once, with how long the peer was silent. */
  readonly onSilent: (silentMs: number) => void;
}

/** The clock looks so many times in each of the two spans. */
const looks = 5;

/** Tells a peer that is slow from one that has stopped: while calls wait, a silent one is asked, and then given up. */
export class KeepAlive {
  readonly #deps: KeepAliveDeps;
  #timer: NodeJS.Timeout | undefined;
  #silentMs = 0;
  #heard = 0;
  #asked = false;

  constructor(deps: KeepAliveDeps) {
    this.#deps = deps;
  }

  /** Begins to watch; watching already is fine. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#hear();
    // Time in which this process itself was stopped counts as one look, not as the peer's silence.
    const everyMs = Math.min(this.#deps.afterMs, this.#deps.withinMs) / looks;
    this.#timer = setInterval(() => this.#look(everyMs), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(passedMs: number): void {
    const { afterMs, withinMs, heard, deaf, ask, onSilent } = this.#deps;
    if (deaf() || heard() !== this.#heard) return this.#hear();
    this.#silentMs += passedMs;
    if (this.#silentMs >= afterMs + withinMs) {
      this.stop();
      onSilent(this.#silentMs);
    } else if (this.#silentMs >= afterMs && !this.#asked) {
      this.#asked = true;
      ask();
    }
  }

  #hear(): void {
    this.#heard = this.#deps.heard();
    this.#silentMs = 0;
    this.#asked = false;
  }
}
