/** How often an agent is asked whether it is there, and how long it has for an answer: without KVM, a guest that is busy answers late. */
export interface PulseTimes {
  readonly idleMs: number;
  /** While commands run. */
  readonly busyMs: number;
  readonly silentMs: number;
}

/** A port stays open when nobody serves it: only what comes back says that somebody is there. */
export const pulseTimes: PulseTimes = { idleMs: 10_000, busyMs: 5_000, silentMs: 15_000 };

/** What a pulse needs. */
export interface AgentPulseDeps {
  readonly times: PulseTimes;
  readonly isBusy: () => boolean;
  /** Asks for an answer. */
  readonly ask: () => void;
  /** Is told, once, that none came. */
  readonly onSilence: () => void;
}

/** Asks an agent for an answer now and then. */
export class AgentPulse {
  readonly #deps: AgentPulseDeps;
  #next: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(deps: AgentPulseDeps) {
    this.#deps = deps;
  }

  /** Asks now, and goes on from here. */
  beat(): void {
    if (this.#stopped) return;
    const { times, isBusy, ask, onSilence } = this.#deps;
    clearTimeout(this.#next);
    ask();
    this.#silence ??= setTimeout(onSilence, times.silentMs).unref();
    this.#next = setTimeout(() => this.beat(), isBusy() ? times.busyMs : times.idleMs).unref();
  }

  /** Something came from the agent. */
  heard(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
  }

  /** Asks nothing until the next beat: a guest that stands still can't answer. */
  rest(): void {
    clearTimeout(this.#next);
    this.heard();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#next);
    clearTimeout(this.#silence);
  }
}
