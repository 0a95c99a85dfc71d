import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { AgentClient } from "./agent-client.ts";
import type { ExecEnd, ExecRequest } from "./agent-exec.ts";
import { followClock } from "./follow-clock.ts";
import { pulseTimes, type PulseTimes } from "./agent-pulse.ts";
import type { GuestPorts } from "./guest-ports.ts";
import type { GuestMemory } from "./guest-usage.ts";
import type { SessionEnd } from "./session-end.ts";
import type { ClockAnchor, Stage } from "./timeline.ts";
import { within } from "./within.ts";

/**
 * Whether a guest's agent answers. None of them says that the VM has ended: only its VMM's end does.
 *
 *                  the agent answers              no answer for 15 s
 *   attaching ───────────────────────▶ answers ───────────────────────▶ silent
 *     │  ▲                              │  ▲                             ▲  │
 *     │  └──────────────────────────────┘  └─────────────────────────────│──┘
 *     │   the connection is lost, or the        the agent answers        │
 *     │   agent says that it was started                                 │
 *     └──────────────────────────────────────────────────────────────────┘
 *                            no answer for 15 s
 *
 * An agent that sends what none would is silent at once; it is attached to again, less and less often.
 */
export type AgentState = "attaching" | "answers" | "silent";

/** What a link to an agent needs. */
export interface AgentLinkDeps {
  /** Opens the stream to the guest, anew each time. */
  readonly openAgent: (signal: AbortSignal) => Promise<Duplex>;
  /** Unix time, nanoseconds. */
  readonly now: () => bigint;
  readonly times?: PulseTimes;
}

/** What an agent has said when it answers. */
export interface AgentReady {
  /** The guest's boot; empty when the agent was started again since. */
  readonly timeline: readonly Stage[];
  readonly anchor: ClockAnchor;
  /** Of the protocol. */
  readonly version: number;
}

interface Session extends AgentReady {
  readonly client: AgentClient;
}

/** The pause before an attempt that follows one that failed, or a session that was short. */
const retryMs = { least: 50, most: 2_000 };

/** Keeps a session with a guest's agent as long as it is open, whatever becomes of connections and of the agent. */
export class AgentLink {
  readonly #deps: AgentLinkDeps;
  readonly #times: PulseTimes;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(state: AgentState) => void>();
  readonly #waiting = new Set<PromiseWithResolvers<Session>>();
  #state: AgentState = "attaching";
  #session: Session | undefined;
  #failure: unknown;
  #resting = false;
  /** What the guest sent that ended the last session. */
  #breach: BangerError | undefined;

  constructor(deps: AgentLinkDeps) {
    this.#deps = deps;
    this.#times = deps.times ?? pulseTimes;
  }

  /** Begins to attach. */
  start(): void {
    void this.#keep();
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Hears of each change of state from now on; returns what ends that. */
  onState(listener: (state: AgentState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits until the agent answers and the guest's clock is right. */
  async ready(signal: AbortSignal, deadlineMs: number): Promise<AgentReady> {
    const { timeline, anchor, version } = await this.#answering(signal, deadlineMs);
    return { timeline, anchor, version };
  }

  /** Runs a command in the guest; fails at once while its agent is silent. */
  async exec(request: ExecRequest): Promise<ExecEnd> {
    const { client } = await this.#notSilent(request.signal);
    return client.exec(request);
  }

  /** The guest's memory as its kernel counts it; undefined where that can't be known. Fails when no answer comes within so many milliseconds. */
  usage(ms: number): Promise<GuestMemory | undefined> {
    return within(ms, "the guest's agent did not answer", this.#usage());
  }

  async #usage(): Promise<GuestMemory | undefined> {
    const { client } = await this.#notSilent();
    return client.usage();
  }

  /** What listens in the guest; fails at once while its agent is silent. */
  async ports(signal: AbortSignal): Promise<GuestPorts> {
    const { client } = await this.#notSilent(signal);
    return client.ports();
  }

  /** Asks the guest to end; resolves when it has begun to, or is gone. */
  async shutdown(how: "poweroff" | "reboot", signal?: AbortSignal): Promise<void> {
    const { client } = await this.#notSilent(signal);
    await client.shutdown(how);
  }

  /** Sets the guest's clock right, as soon as its agent answers; where the session is lost under that, the next one sets it. */
  async setClock(signal: AbortSignal, deadlineMs: number): Promise<void> {
    const began = performance.now();
    const { client } = await this.#answering(signal, deadlineMs);
    const setting = client.clock.anchor(this.#deps.now).then((anchor) => client.clock.set(anchor));
    try {
      await within(deadlineMs, "the guest's agent did not answer", setting);
    } catch (error) {
      if (isLate(error)) throw error;
      await client.ended;
      await this.#answering(signal, deadlineMs - (performance.now() - began));
    }
  }

  /** While the guest stands still, its agent's silence means nothing. */
  rest(on: boolean): void {
    if (this.#resting === on) return;
    this.#resting = on;
    this.#session?.client.rest(on);
  }

  /** Whether the agent answers now, within so many milliseconds. */
  async answersWithin(ms: number): Promise<boolean> {
    return (await this.#session?.client.answersWithin(ms)) ?? false;
  }

  /** Ends the session; the VM goes on. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    const error = new BangerError("guest_died", "the connection to the guest's agent was closed");
    this.#closing.abort(error);
    this.#session?.client.close();
    for (const waiter of this.#waiting) waiter.reject(error);
  }

  #notSilent(signal?: AbortSignal): Promise<Session> {
    if (this.#state === "silent") {
      const why = this.#breach?.plain.replace("the guest's agent", "it") ?? "it has not answered for a while";
      const silent = `the guest's agent is silent: ${why}; the VM runs on`;
      throw new BangerError("deadline_exceeded", silent, { cause: this.#failure });
    }
    return this.#answering(signal, this.#times.silentMs);
  }

  async #answering(signal: AbortSignal | undefined, deadlineMs: number): Promise<Session> {
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    if (this.#session !== undefined) return this.#session;
    const waiter = Promise.withResolvers<Session>();
    const abort = () => waiter.reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.add(waiter);
    try {
      return await within(deadlineMs, "the guest's agent did not answer", waiter.promise);
    } finally {
      this.#waiting.delete(waiter);
      signal?.removeEventListener("abort", abort);
    }
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    let lastAnswer = performance.now();
    let pauseMs = 0;
    while (!signal.aborted) {
      const end = await this.#serve().catch((error: unknown) => this.#failed(error));
      this.#breach = end?.why === "broken" ? end.error : end === undefined ? this.#breach : undefined;
      if (end !== undefined) lastAnswer = performance.now();
      const late = performance.now() - lastAnswer >= this.#times.silentMs || isLate(this.#failure);
      const silent = end === undefined ? late : end.why === "silent" || end.why === "broken";
      if (silent || end !== undefined) this.#become(silent ? "silent" : "attaching");
      // A guest may say hello and leave, without end.
      pauseMs = end === undefined || end.afterMs < this.#times.silentMs ? nextPause(pauseMs) : 0;
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** One session, from its attempt to its end. */
  async #serve(): Promise<SessionEnd & { readonly afterMs: number }> {
    const session = await this.#attach();
    if (this.#closing.signal.aborted) {
      session.client.close();
      throw this.#closing.signal.reason;
    }
    const began = performance.now();
    this.#session = session;
    if (this.#resting) session.client.rest(true);
    this.#become("answers");
    for (const waiter of this.#waiting) waiter.resolve(session);
    const over = new AbortController();
    // Where it fails the session has ended, or its guest is slow: the next one sets the clock.
    followClock({ ...session, now: this.#deps.now, everyMs: this.#times.idleMs, signal: over.signal }).catch(
      () => undefined,
    );
    const end = await session.client.ended;
    over.abort();
    this.#session = undefined;
    return { ...end, afterMs: performance.now() - began };
  }

  async #attach(): Promise<Session> {
    const { signal } = this.#closing;
    const deadlineMs = this.#times.silentMs;
    const opening = this.#deps.openAgent(AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]));
    const stream = await within(deadlineMs, "the guest's agent could not be reached", opening).catch(
      (error: unknown) => {
        opening.then((late) => late.destroy()).catch(() => undefined);
        throw error;
      },
    );
    const client = await AgentClient.attach({ stream, signal, deadlineMs, times: this.#times });
    try {
      const anchor = await client.clock.anchor(this.#deps.now);
      await client.clock.set(anchor);
      return { client, anchor, timeline: client.timeline, version: client.version };
    } catch (error) {
      client.close();
      throw error;
    }
  }

  #failed(error: unknown): undefined {
    this.#failure = error;
    // What no other attempt will change.
    if (!(error instanceof BangerError && error.code === "bad_version")) return;
    for (const waiter of this.#waiting) waiter.reject(error);
  }

  #become(state: AgentState): void {
    if (this.#state === state || this.#closing.signal.aborted) return;
    this.#state = state;
    // What a listener gets wrong is its own: it doesn't end the link.
    for (const listener of this.#listeners) queueMicrotask(() => listener(state));
  }
}

function isLate(error: unknown): boolean {
  return error instanceof BangerError && error.code === "deadline_exceeded";
}

function nextPause(ms: number): number {
  return Math.min(Math.max(ms * 2, retryMs.least), retryMs.most);
}
