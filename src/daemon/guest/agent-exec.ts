import { constants } from "node:os";
import { bytesOfText } from "../../rpc/byte-text.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { byInput } from "../../rpc/contract/guest.ts";
import type { TerminalSize } from "../../rpc/frame.ts";
import { type AgentFrame, frameType, maxPayload, more } from "./agent-frame.ts";
import { type OutputName, OutputQueue } from "./output-queue.ts";
import { printableLine } from "../../rpc/printable.ts";

/** A command to run in a guest. */
export interface ExecRequest {
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  /** Its three streams are a terminal of this size; what it writes is then all standard output. Since version 3 of the protocol. */
  readonly terminal?: TerminalSize;
  /** Its standard input; none when absent. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Get the output, in order for each stream; the guest waits while their promises do. */
  readonly onStdout: (bytes: Uint8Array) => void | Promise<void>;
  readonly onStderr: (bytes: Uint8Array) => void | Promise<void>;
  /**
   * Called once the command was asked for: `deliver` sends it a signal. One that asks for the end, SIGTERM or SIGHUP, is followed by
   * SIGKILL. With a size, its terminal has that from then on.
   */
  readonly takeSignals?: (deliver: (signal: number, size?: TerminalSize) => void) => void;
  /** Ends the command: SIGTERM, or SIGHUP where its terminal goes; and SIGKILL a little later. */
  readonly signal?: AbortSignal;
}

/** How a command ended: exactly one is not null. */
export interface ExecEnd {
  readonly exitCode: number | null;
  /** The number of the signal that killed it. */
  readonly signal: number | null;
  /** The guest's kernel killed it for want of memory. */
  readonly outOfMemory?: true;
}

/** Sends a frame of one stream; resolves when the guest keeps up. */
export type SendFrame = (type: number, payload: Buffer, flags?: number) => Promise<void>;

const { ENOENT } = constants.errno;
const { SIGHUP: sighup, SIGKILL: sigkill, SIGTERM: sigterm } = constants.signals;
const killAfterMs = 2_000;
/** A guest that does not say by then that a command has ended, which it was told to kill, is waited for no longer. */
const giveUpAfterMs = 7_000;
/** So many bytes of output may be on the way. */
export const outputWindow = 256 * 1024;
/** A command's input has far less room in a guest. */
const mostStdinCredit = 1024 * 1024;
/** The agent takes no longer request (EXEC_REQUEST_MAX). */
const maxRequest = 128 * 1024;
const tag = { argv: 1, env: 2, cwd: 3, user: 4, stdin: 5, terminal: 6 } as const;

/** One command in a guest, from request to end. */
export class AgentExec {
  readonly #request: ExecRequest;
  readonly #send: SendFrame;
  readonly #ended = Promise.withResolvers<ExecEnd>();
  readonly #output = new OutputQueue({
    take: (output, bytes) => (output === "stdout" ? this.#request.onStdout(bytes) : this.#request.onStderr(bytes)),
    onTaken: async (bytes) => {
      if (!this.#over) await this.#allow(bytes);
    },
    onFailure: (error) => this.fail(error),
  });
  #outputAllowed = 0;
  #stdinCredit = 0;
  #wakeStdin: (() => void) | undefined;
  #over = false;
  #exited = false;

  constructor(request: ExecRequest, send: SendFrame) {
    this.#request = request;
    this.#send = send;
    // It may end before it is waited for.
    this.#ended.promise.catch(() => undefined);
  }

  /** Runs the command; resolves when it has ended and all its output was taken. */
  async run(): Promise<ExecEnd> {
    const { stdin, signal, takeSignals, terminal } = this.#request;
    const timers: NodeJS.Timeout[] = [];
    const left = Promise.withResolvers<void>();
    const cancel = () => {
      left.resolve();
      // A shell on a terminal ignores SIGTERM.
      timers.push(...this.#end(terminal === undefined ? sigterm : sighup, signal?.reason));
    };
    const deliver = (number: number, size?: TerminalSize) => {
      if (terminal !== undefined && size !== undefined) return this.#tell(frameType.resize, sizeOf(size));
      if (![sigkill, sigterm, sighup].includes(number)) return this.#signal(number);
      return void timers.push(...this.#end(number, new NotEnded()));
    };
    try {
      await Promise.race([this.#sendRequest(), this.#ended.promise]);
      await this.#allow(outputWindow);
      if (signal?.aborted) cancel();
      signal?.addEventListener("abort", cancel, { once: true });
      takeSignals?.(deliver);
      // Input that fails ends as if it had ended; the command's own end says what came of it.
      if (stdin !== undefined) void this.#sendStdin(stdin).catch((error: unknown) => this.fail(error));
      const end = await this.#ended.promise;
      // A caller who has left takes no more output either.
      await Promise.race([this.#output.drained, left.promise]);
      signal?.throwIfAborted();
      return end;
    } finally {
      this.#over = true;
      this.#wakeStdin?.();
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** True when the guest has said how it ended. */
  get exited(): boolean {
    return this.#exited;
  }

  /** Takes a frame of this stream; false when it says nothing. */
  receive(frame: AgentFrame): boolean {
    switch (frame.type) {
      case frameType.stdout:
        return this.#take("stdout", frame.payload);
      case frameType.stderr:
        return this.#take("stderr", frame.payload);
      case frameType.stdinCredit:
        return this.#credit(frame.payload);
      case frameType.exit:
        if (frame.payload.length < 5 || this.#exited) return false;
        this.#exited = true;
        this.#exit(frame.payload);
        return true;
      default:
        return false;
    }
  }

  /** Ends it without the guest's answer. */
  fail(error: unknown): void {
    this.#ended.reject(error);
  }

  async #sendRequest(): Promise<void> {
    const { argv, env = [], cwd, user, stdin, terminal } = this.#request;
    const payload = Buffer.concat([
      ...argv.map((text) => item(tag.argv, text)),
      ...env.map((text) => item(tag.env, text)),
      ...(cwd === undefined ? [] : [item(tag.cwd, cwd)]),
      ...(user === undefined ? [] : [item(tag.user, user)]),
      ...(stdin === undefined ? [] : [item(tag.stdin, "")]),
      ...(terminal === undefined ? [] : [item(tag.terminal, sizeOf(terminal))]),
    ]);
    if (payload.length > maxRequest) {
      throw new BangerError(
        "bad_params",
        `argv and env: ${payload.length} bytes are more than ${maxRequest}; ${byInput}`,
      );
    }
    for (let at = 0; at < payload.length; at += maxPayload) {
      const last = at + maxPayload >= payload.length;
      await this.#send(frameType.exec, payload.subarray(at, at + maxPayload), last ? 0 : more);
    }
  }

  #allow(bytes: number): Promise<void> {
    this.#outputAllowed += bytes;
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(bytes);
    return this.#send(frameType.credit, payload);
  }

  #take(output: OutputName, bytes: Buffer): boolean {
    if (bytes.length === 0 || this.#exited) return false;
    this.#outputAllowed -= bytes.length;
    if (this.#outputAllowed < 0) this.fail(new BangerError("guest_died", "the guest sent more than it may"));
    else this.#output.push(output, bytes);
    return this.#outputAllowed >= 0;
  }

  #credit(payload: Buffer): boolean {
    const credit = payload.length === 4 ? payload.readUInt32LE(0) : 0;
    const room = mostStdinCredit - this.#stdinCredit;
    this.#stdinCredit += Math.min(credit, room);
    this.#wakeStdin?.();
    return credit > 0 && credit <= room;
  }

  async #sendStdin(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of input) {
      let rest = Buffer.from(chunk);
      while (rest.length > 0) {
        await this.#stdinTaken();
        if (this.#over) return;
        const count = Math.min(rest.length, this.#stdinCredit, maxPayload);
        this.#stdinCredit -= count;
        await this.#send(frameType.stdin, rest.subarray(0, count));
        rest = rest.subarray(count);
      }
    }
    if (!this.#over) await this.#send(frameType.stdin, Buffer.alloc(0));
  }

  async #stdinTaken(): Promise<void> {
    while (this.#stdinCredit === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wakeStdin = resolve;
      });
    }
  }

  #signal(number: number): void {
    this.#tell(frameType.signal, Buffer.from([number]));
  }

  #tell(type: number, payload: Buffer): void {
    if (this.#over) return;
    this.#send(type, payload).catch((error: unknown) => this.fail(error));
  }

  /** Ends the command, the harder way a little later, and the waiting for it at last. */
  #end(number: number, reason: unknown): NodeJS.Timeout[] {
    this.#signal(number);
    const hard = setTimeout(() => this.#signal(sigkill), killAfterMs).unref();
    return [hard, setTimeout(() => this.fail(reason), giveUpAfterMs).unref()];
  }

  #exit(payload: Buffer): void {
    const kind = payload.readUInt8(0);
    const number = payload.readInt32LE(1);
    if (kind === 0) return this.#ended.resolve({ exitCode: number & 0xff, signal: null });
    if (kind === 1) {
      const outOfMemory = payload.length > 5 ? { outOfMemory: true as const } : {};
      return this.#ended.resolve({ exitCode: null, signal: number & 0x7f, ...outOfMemory });
    }
    const text = printableLine(payload.toString("utf8", 5, 5 + 256));
    const { user } = this.#request;
    const nobody = kind === 2 && number === ENOENT && user !== undefined && text.startsWith(`user ${user}: `);
    const why = nobody ? `user ${user} is none of the guest's` : text;
    // What isn't the program's own fault (a user, a directory) is of kind 2, as everything is from an older agent.
    const hint = nobody ? listsUsers : seeToIt;
    const details = { errno: number, ...(kind === 3 ? { what: "program" } : { hint }) };
    return this.fail(new BangerError("command_failed", `the command could not be started: ${why}`, { details }));
  }
}

/** A command was to end, and hasn't: whoever knows more of the guest says why. */
export class NotEnded extends BangerError {
  constructor() {
    super("deadline_exceeded", "the guest has not ended the command; it may run on there");
  }
}

/** The next steps, for a person. */
const listsUsers = "`banger exec VM -- cut -d: -f1 /etc/passwd` lists the guest's users; a number is taken as a uid.";
const seeToIt = "See to what is named, in the guest; without -C a command begins in its user's home.";

function sizeOf({ rows, columns }: TerminalSize): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt16LE(rows);
  payload.writeUInt16LE(columns, 2);
  return payload;
}

function item(kind: number, value: string | Buffer): Buffer {
  const bytes = typeof value === "string" ? bytesOfText(value) : value;
  if (typeof value === "string" && bytes.includes(0))
    throw new BangerError("bad_params", "argv and env: may not contain a NUL character");
  const header = Buffer.alloc(5);
  header.writeUInt8(kind);
  header.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}
