import { BangerError } from "./contract/errors.ts";

/** Gets each event of a call, in order; reading pauses until its promise resolves. */
export type OnEvent = (event: string, data: unknown) => void | Promise<void>;

/** What a call that waits for its answer needs. */
export interface PendingCallDeps {
  readonly method: string;
  readonly peer: string;
  readonly onEvent: OnEvent | undefined;
  /** Tells the peer that nobody waits any more. */
  readonly sendCancel: () => void;
  /** How long the answer is awaited after the peer was told so: undoing takes its time. */
  readonly cancelWaitMs: number;
}

/** A call that waits for its answer. Each limit on the wait is this side's own: none depends on the peer. */
export class PendingCall {
  /** The answer's frame. */
  readonly answer: Promise<Record<string, unknown>>;
  readonly #deps: PendingCallDeps;
  readonly #settled = Promise.withResolvers<Record<string, unknown>>();
  #onEvent: OnEvent | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #cancelled: NodeJS.Timeout | undefined;
  /** What went wrong on this side; the caller gets this whatever the peer answers. */
  #ownFailure: Error | undefined;

  constructor(deps: PendingCallDeps) {
    this.#deps = deps;
    this.#onEvent = deps.onEvent;
    this.answer = this.#settled.promise;
    // Whoever asked awaits it a little later.
    this.answer.catch(() => undefined);
  }

  /** Fails when there is no answer `graceMs` after the peer's own deadline. */
  expectWithin(deadlineMs: number, graceMs: number): void {
    this.#deadline = setTimeout(
      () => {
        this.#deps.sendCancel();
        this.fail(new BangerError("deadline_exceeded", `${this.#deps.method}: no answer within ${deadlineMs} ms`));
      },
      Math.min(deadlineMs + graceMs, 2 ** 31 - 1),
    );
  }

  /** Asks the peer to end it, and awaits that so long. */
  cancel(ownFailure?: Error): void {
    this.#ownFailure ??= ownFailure;
    if (this.#ownFailure !== undefined) this.#onEvent = undefined;
    if (this.#cancelled !== undefined) return;
    this.#deps.sendCancel();
    const { method, peer, cancelWaitMs } = this.#deps;
    const text = `${method}: cancelled, but ${peer} has not confirmed it within ${cancelWaitMs / 1000} s`;
    const details = { hint: "What was begun may still be under way; `banger trace show` says what became of it." };
    this.#cancelled = setTimeout(() => this.fail(new BangerError("cancelled", text, { details })), cancelWaitMs);
  }

  /** Takes an event; a handler that throws costs this call alone. */
  async event(event: string, data: unknown): Promise<void> {
    try {
      await this.#onEvent?.(event, data);
    } catch (error) {
      this.cancel(asError(error));
    }
  }

  /** Takes the answer. */
  settle(frame: Record<string, unknown>): void {
    this.#stop();
    if (this.#ownFailure === undefined) this.#settled.resolve(frame);
    else this.#settled.reject(this.#ownFailure);
  }

  /** Ends the wait without an answer. */
  fail(error: Error): void {
    this.#stop();
    this.#settled.reject(this.#ownFailure ?? error);
  }

  #stop(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#cancelled);
    this.#onEvent = undefined;
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
