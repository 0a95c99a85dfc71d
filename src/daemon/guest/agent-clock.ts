import type { ClockAnchor } from "./timeline.ts";

/** What a session gives for it. */
export interface AgentClockDeps {
  /** Of the protocol that both speak. */
  readonly version: number;
  /** Asks for the guest's time. */
  readonly ping: () => Promise<bigint>;
  /** Tells the guest two times, its own and the host's at one moment. */
  readonly tell: (payload: Buffer) => void;
  /** Waits for an answer, as long as an agent has for one. */
  readonly answer: (promise: Promise<void>) => Promise<void>;
}

const anchorPings = 3;
/** The first version of the protocol whose agent sets its guest's clock. */
const setsSince = 2;

/** A guest's clock, by its agent. */
export class AgentClock {
  readonly #deps: AgentClockDeps;
  /** Who waits until the clock is set, answered in this order. */
  readonly #waiting = new Set<() => void>();

  constructor(deps: AgentClockDeps) {
    this.#deps = deps;
  }

  /** Says where it lies on the host's: of some round trips, the quickest tells it best. */
  async anchor(now: () => bigint): Promise<ClockAnchor> {
    let best: ClockAnchor | undefined;
    for (let n = 0; n < anchorPings; n++) {
      const sentNs = now();
      const guestNs = await this.#deps.ping();
      const tookNs = now() - sentNs;
      const hostNs = sentNs + tookNs / 2n;
      if (best === undefined || tookNs / 2n < best.uncertaintyNs)
        best = { hostNs, guestNs, uncertaintyNs: tookNs / 2n };
    }
    if (best === undefined) throw new Error("no round trip was made");
    return best;
  }

  /** Sets it by where it lies on the host's; an agent of version 1 leaves it as it is. */
  async set({ guestNs, hostNs }: ClockAnchor): Promise<void> {
    const { version, tell, answer } = this.#deps;
    if (version < setsSince) return;
    const payload = Buffer.alloc(16);
    payload.writeBigUInt64LE(guestNs);
    payload.writeBigUInt64LE(hostNs, 8);
    const set = Promise.withResolvers<void>();
    this.#waiting.add(set.resolve);
    tell(payload);
    try {
      await answer(set.promise);
    } finally {
      this.#waiting.delete(set.resolve);
    }
  }

  /** The agent says that it is set: that goes to whoever set it first. False when nobody waits. */
  wasSet(): boolean {
    const [first] = this.#waiting;
    if (first === undefined) return false;
    this.#waiting.delete(first);
    first();
    return true;
  }
}
