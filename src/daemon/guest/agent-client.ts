import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import { AgentClock } from "./agent-clock.ts";
import { AgentExec, type ExecEnd, type ExecRequest, outputWindow } from "./agent-exec.ts";
import { type AgentFrame, breach, frameType } from "./agent-frame.ts";
import { type Hello, introduce } from "./agent-hello.ts";
import { AgentQuestions, type Question, questions } from "./agent-questions.ts";
import { AgentPulse, pulseTimes, type PulseTimes } from "./agent-pulse.ts";
import { AgentStream } from "./agent-stream.ts";
import { mustKnowUsage, mustMakeTerminals } from "./agent-version.ts";
import { type GuestPorts, readPorts } from "./guest-ports.ts";
import { type GuestMemory, readUsage } from "./guest-usage.ts";
import { sessionEnds, type SessionEnd } from "./session-end.ts";
import type { Stage } from "./timeline.ts";
import { Unasked } from "./unasked.ts";
import { WhileItLasts } from "./while-it-lasts.ts";
import { within } from "./within.ts";

const mostBeats = 8;

/** What attaching to an agent needs. */
export interface AttachDeps {
  /** The open stream to the guest; it is the client's from here on. */
  readonly stream: Duplex;
  readonly signal: AbortSignal;
  /** How long the agent has for its answer. */
  readonly deadlineMs: number;
  readonly times?: PulseTimes;
}

/** One session with a guest's agent. */
export class AgentClient {
  /** The guest's boot, as it says; empty when the agent was started again since. */
  readonly timeline: readonly Stage[];
  /** Of the protocol that both speak. */
  readonly version: number;
  /** Resolves when the session is over. */
  readonly ended: Promise<SessionEnd>;
  readonly clock: AgentClock;
  readonly #stream: AgentStream;
  readonly #session: number;
  readonly #answerDeadlineMs: number;
  readonly #pulse: AgentPulse;
  readonly #execs = new Map<number, AgentExec>();
  readonly #questions = new AgentQuestions();
  readonly #end = Promise.withResolvers<SessionEnd>();
  readonly #life = new WhileItLasts();
  /** The pulse's last questions: one may be answered late. */
  readonly #beats: bigint[] = [];
  readonly #unasked = new Unasked(() => performance.now());
  #over: SessionEnd | undefined;
  #nextStream = 1;
  #shuttingDown: (() => void) | undefined;

  private constructor(stream: AgentStream, { session, version, timeline }: Hello, times: PulseTimes) {
    this.#stream = stream;
    this.#session = session;
    this.#answerDeadlineMs = times.silentMs;
    this.version = version;
    this.timeline = timeline;
    this.ended = this.#end.promise;
    this.clock = new AgentClock({
      version,
      ping: () => this.#ping(),
      tell: (payload) => this.#tell(frameType.time, payload),
      answer: (promise) => this.#answer(promise),
    });
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

  /** Runs a command in the guest. */
  async exec(request: ExecRequest): Promise<ExecEnd> {
    if (this.#over !== undefined) throw this.#over.error;
    if (request.terminal !== undefined) mustMakeTerminals(this.version);
    const stream = this.#nextStream++;
    const exec = new AgentExec(request, (type, payload, flags = 0) => this.#send(stream, type, payload, flags));
    this.#execs.set(stream, exec);
    this.#pulse.beat();
    try {
      return await this.#life.wait(exec.run());
    } finally {
      this.#execs.delete(stream);
      // What was on the way comes late, in as small pieces as it may.
      if (!exec.exited) this.#unasked.expect(outputWindow);
    }
  }

  /** The guest's memory as its kernel counts it; undefined where that can't be known. */
  async usage(): Promise<GuestMemory | undefined> {
    if (this.#over !== undefined) throw this.#over.error;
    mustKnowUsage(this.version);
    return readUsage(await this.#ask(questions.usage));
  }

  /** What listens in the guest. */
  async ports(): Promise<GuestPorts> {
    if (this.#over !== undefined) throw this.#over.error;
    mustKnowUsage(this.version);
    return readPorts(await this.#ask(questions.ports));
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
    return (await this.#ask(questions.ping)).readBigUInt64LE();
  }

  async #ask(question: Question): Promise<Buffer> {
    const { token, answered, forget } = this.#questions.ask(question);
    try {
      this.#tell(question.type, token);
      return await this.#answer(answered);
    } finally {
      forget();
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
    return within(this.#answerDeadlineMs, "the guest's agent did not answer", this.#life.wait(promise));
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
        return this.#ponged(frame.payload) || this.#questions.take(frame);
      case frameType.used:
      case frameType.listening:
        return this.#questions.take(frame);
      case frameType.timeSet:
        return this.clock.wasSet();
      case frameType.shuttingDown:
        return settle(this.#shuttingDown);
      default:
        return this.#execs.get(frame.stream)?.receive(frame) ?? false;
    }
  }

  /** Takes the answer to a beat. */
  #ponged(payload: Buffer): boolean {
    if (payload.length !== 16) return false;
    const token = payload.readBigUInt64LE(0);
    const beat = this.#beats.indexOf(token);
    return beat !== -1 && this.#beats.splice(beat, 1).length > 0;
  }

  #broke(error: BangerError): void {
    this.#conclude({ why: "broken", error });
  }

  #finish(why: keyof typeof sessionEnds): void {
    this.#conclude({ why, error: sessionEnds[why]() });
  }

  #conclude(end: SessionEnd): void {
    if (this.#over !== undefined) return;
    this.#over = end;
    this.#pulse.stop();
    this.#stream.onFrame = () => undefined;
    this.#stream.close();
    this.#life.end(end.error);
    for (const exec of this.#execs.values()) exec.fail(end.error);
    this.#end.resolve(end);
  }
}

/** Tells who waits; false when nobody does. */
function settle(waiter: (() => void) | undefined): boolean {
  waiter?.();
  return waiter !== undefined;
}
