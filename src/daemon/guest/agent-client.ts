import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { AgentExec, type ExecEnd, type ExecRequest, outputWindow } from "./agent-exec.ts";
import { type AgentFrame, breach, frameType } from "./agent-frame.ts";
import { type Hello, introduce } from "./agent-hello.ts";
import { AgentPulse, pulseTimes, type PulseTimes } from "./agent-pulse.ts";
import { AgentStream } from "./agent-stream.ts";
import type { ClockAnchor, Stage } from "./timeline.ts";
import { Unasked } from "./unasked.ts";
import { within } from "./within.ts";

const anchorPings = 3;
const mostBeats = 8;
/** The first version of the protocol that has terminals. */
const terminalsSince = 3;

/** What attaching to an agent needs. */
export interface AttachDeps {
  /** The open stream to the guest; it is the client's from here on. */
  readonly stream: Duplex;
  readonly signal: AbortSignal;
  /** How long the agent has for its answer. */
  readonly deadlineMs: number;
  readonly times?: PulseTimes;
}

/** Why a session with an agent is over. */
export interface SessionEnd {
  /** `restarted`: the agent said that it was started again. `broken`: it sent what an agent never would. `closed`: by us. */
  readonly why: "lost" | "restarted" | "silent" | "broken" | "closed";
  readonly error: BangerError;
}

const ends: Record<Exclude<SessionEnd["why"], "broken">, () => BangerError> = {
  lost: () => new BangerError("guest_died", "the connection to the guest's agent was lost"),
  restarted: () => new BangerError("guest_died", "the guest's agent was started again; what it ran has ended"),
  silent: () =>
    new BangerError(
      "deadline_exceeded",
      "the guest's agent is silent: it has not answered for a while; the VM runs on",
    ),
  closed: () => new BangerError("guest_died", "the connection to the guest's agent was closed"),
};

/** One session with a guest's agent. */
export class AgentClient {
  /** The guest's boot, as it says; empty when the agent was started again since. */
  readonly timeline: readonly Stage[];
  /** Of the protocol that both speak. */
  readonly version: number;
  /** Resolves when the session is over. */
  readonly ended: Promise<SessionEnd>;
  readonly #stream: AgentStream;
  readonly #session: number;
  readonly #answerDeadlineMs: number;
  readonly #pulse: AgentPulse;
  readonly #execs = new Map<number, AgentExec>();
  readonly #pings = new Map<bigint, (guestNs: bigint) => void>();
  readonly #end = Promise.withResolvers<SessionEnd>();
  readonly #gone = Promise.withResolvers<never>();
  /** The pulse's last questions: one may be answered late. */
  readonly #beats: bigint[] = [];
  readonly #unasked = new Unasked(() => performance.now());
  #over: SessionEnd | undefined;
  #nextStream = 1;
  #timeSet: (() => void) | undefined;
  #shuttingDown: (() => void) | undefined;

  private constructor(stream: AgentStream, { session, version, timeline }: Hello, times: PulseTimes) {
    this.#stream = stream;
    this.#session = session;
    this.#answerDeadlineMs = times.silentMs;
    this.version = version;
    this.timeline = timeline;
    this.ended = this.#end.promise;
    // Whoever waits races this; it is nobody's failure when nobody does.
    this.#gone.promise.catch(() => undefined);
    this.#pulse = new AgentPulse({
      times,
      isBusy: () => this.#execs.size > 0,
      ask: () => this.#beat(),
      onSilence: () => this.#finish("silent"),
    });
    stream.onFrame = (frame) => this.#receive(frame);
    void stream.closed.then(() => (stream.fault === undefined ? this.#finish("lost") : this.#broke(stream.fault)));
    this.#pulse.beat();
  }

  /** Begins a session; the agent ends what an earlier one left running. */
  static async attach({ stream, signal, deadlineMs, times = pulseTimes }: AttachDeps): Promise<AgentClient> {
    const frames = new AgentStream(stream, times.silentMs);
    const over = new AbortController();
    const abort = () => over.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      const hello = await within(deadlineMs, "the guest's agent did not answer", introduce(frames, over.signal));
      return new AgentClient(frames, hello, times);
    } catch (cause) {
      over.abort(cause);
      frames.close();
      signal.throwIfAborted();
      if (cause instanceof BangerError) throw cause;
      throw new BangerError("guest_died", "the connection to the guest's agent was lost", { cause });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Says where the guest's clock lies on the host's: of some round trips, the quickest tells it best. */
  async clockAnchor(now: () => bigint): Promise<ClockAnchor> {
    let best: ClockAnchor | undefined;
    for (let n = 0; n < anchorPings; n++) {
      const sentNs = now();
      const guestNs = await this.#ping();
      const tookNs = now() - sentNs;
      const hostNs = sentNs + tookNs / 2n;
      if (best === undefined || tookNs / 2n < best.uncertaintyNs)
        best = { hostNs, guestNs, uncertaintyNs: tookNs / 2n };
    }
    if (best === undefined) throw new Error("no round trip was made");
    return best;
  }

  /** Sets the guest's clock by where it lies on the host's; an agent of version 1 leaves it as it is. */
  async setClock({ guestNs, hostNs }: ClockAnchor): Promise<void> {
    if (this.version < 2) return;
    const payload = Buffer.alloc(16);
    payload.writeBigUInt64LE(guestNs);
    payload.writeBigUInt64LE(hostNs, 8);
    const set = Promise.withResolvers<void>();
    this.#timeSet = set.resolve;
    this.#tell(frameType.time, payload);
    try {
      await this.#answer(set.promise);
    } finally {
      this.#timeSet = undefined;
    }
  }

  /** Runs a command in the guest. */
  async exec(request: ExecRequest): Promise<ExecEnd> {
    if (this.#over !== undefined) throw this.#over.error;
    if (request.terminal !== undefined && this.version < terminalsSince) {
      const hint =
        "Stop and start the VM: a start gives it the agent of this banger. Until then leave `-t` out, or use `vm ssh`.";
      throw new BangerError("bad_version", "the guest's agent is of an older banger, which makes no terminals", {
        details: { hint },
      });
    }
    const stream = this.#nextStream++;
    const exec = new AgentExec(request, (type, payload, flags = 0) => this.#send(stream, type, payload, flags));
    this.#execs.set(stream, exec);
    this.#pulse.beat();
    try {
      return await Promise.race([exec.run(), this.#gone.promise]);
    } finally {
      this.#execs.delete(stream);
      // What was on the way comes late, in as small pieces as it may.
      if (!exec.exited) this.#unasked.expect(outputWindow);
    }
  }

  /** Asks the guest to end; resolves when it has begun to, or is gone. */
  async shutdown(how: "poweroff" | "reboot"): Promise<void> {
    const begun = Promise.withResolvers<void>();
    this.#shuttingDown = begun.resolve;
    this.#tell(frameType.shutdown, Buffer.from([how === "poweroff" ? 0 : 1]));
    try {
      await within(
        this.#answerDeadlineMs,
        "the guest's agent did not answer",
        Promise.race([begun.promise, this.ended.then(() => undefined)]),
      );
    } finally {
      this.#shuttingDown = undefined;
    }
  }

  /** While the guest stands still, nothing is asked and no silence counted; then it is asked at once. */
  rest(on: boolean): void {
    if (on) this.#pulse.rest();
    else this.#pulse.beat();
  }

  /** Whether the agent answers a question that is asked now, within so many milliseconds. */
  answersWithin(ms: number): Promise<boolean> {
    const answered = this.#ping().then(
      () => true,
      () => false,
    );
    return Promise.race([answered, delay(ms, false, { ref: false })]);
  }

  close(): void {
    this.#finish("closed");
  }

  async #ping(): Promise<bigint> {
    const token = randomBytes(8);
    const key = token.readBigUInt64LE(0);
    const answered = Promise.withResolvers<bigint>();
    this.#pings.set(key, answered.resolve);
    try {
      this.#tell(frameType.ping, token);
      return await this.#answer(answered.promise);
    } finally {
      this.#pings.delete(key);
    }
  }

  /** Asks whether the agent is there. */
  #beat(): void {
    const token = randomBytes(8);
    this.#beats.push(token.readBigUInt64LE(0));
    if (this.#beats.length > mostBeats) this.#beats.shift();
    this.#tell(frameType.ping, token);
  }

  #answer<T>(promise: Promise<T>): Promise<T> {
    return within(
      this.#answerDeadlineMs,
      "the guest's agent did not answer",
      Promise.race([promise, this.#gone.promise]),
    );
  }

  /** Sends what an answer is awaited for, with a deadline of its own. */
  #tell(type: number, payload: Buffer): void {
    this.#send(0, type, payload, 0).catch(() => undefined);
  }

  #send(stream: number, type: number, payload: Buffer, flags: number): Promise<void> {
    return this.#stream.send({ session: this.#session, stream, type, flags, payload });
  }

  #receive(frame: AgentFrame): void {
    if (frame.session === 0 && frame.type === frameType.started && this.version >= 2) return this.#finish("restarted");
    // Only an answer, or what a command says, tells that the agent is there: any byte could be sent by anything.
    if (frame.session === this.#session && this.#hear(frame)) this.#pulse.heard();
    else if (!this.#unasked.take()) this.#broke(breach("a flood of frames that nobody asked for"));
  }

  /** Takes a frame of this session; false when nobody waited for it. */
  #hear(frame: AgentFrame): boolean {
    switch (frame.type) {
      case frameType.pong:
        return this.#ponged(frame.payload);
      case frameType.timeSet:
        return settle(this.#timeSet);
      case frameType.shuttingDown:
        return settle(this.#shuttingDown);
      default:
        return this.#execs.get(frame.stream)?.receive(frame) ?? false;
    }
  }

  #ponged(payload: Buffer): boolean {
    if (payload.length !== 16) return false;
    const token = payload.readBigUInt64LE(0);
    const beat = this.#beats.indexOf(token);
    if (beat !== -1) return this.#beats.splice(beat, 1).length > 0;
    return settle(this.#pings.get(token), payload.readBigUInt64LE(8));
  }

  #broke(error: BangerError): void {
    this.#conclude({ why: "broken", error });
  }

  #finish(why: keyof typeof ends): void {
    this.#conclude({ why, error: ends[why]() });
  }

  #conclude(end: SessionEnd): void {
    if (this.#over !== undefined) return;
    this.#over = end;
    this.#pulse.stop();
    this.#stream.onFrame = () => undefined;
    this.#stream.close();
    this.#gone.reject(end.error);
    for (const exec of this.#execs.values()) exec.fail(end.error);
    this.#end.resolve(end);
  }
}

/** Tells who waits; false when nobody does. */
function settle<T extends unknown[]>(waiter: ((...what: T) => void) | undefined, ...what: T): boolean {
  waiter?.(...what);
  return waiter !== undefined;
}
