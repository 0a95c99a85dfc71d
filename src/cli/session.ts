import { constants } from "node:os";
import type { TerminalSize } from "../rpc/frame.ts";
import { isatty } from "node:tty";
import type { OpId } from "../telemetry/op-id.ts";
import { ask } from "./ask.ts";
import type { CommandContext } from "./command.ts";
import type { DaemonConnection } from "./daemon-connection.ts";
import { runInForeground } from "./foreground.ts";
import type { Interrupt } from "./interrupt.ts";
import { Progress } from "./output/progress.ts";
import { ownTerminal } from "./output/terminal.ts";
import type { StandardStreams } from "./output/standard-streams.ts";
import type { Invocation } from "./parse.ts";
import type { LentTerminal } from "./lent-terminal.ts";
import { readStandardInput } from "./standard-input.ts";

/** One command that runs, and what it runs with. */
export interface Session {
  readonly invocation: Extract<Invocation, { kind: "command" }>;
  /** The install file's path. */
  readonly config: string;
  readonly streams: StandardStreams;
  readonly interrupt: Interrupt;
  /** Where it is one of several: what its progress begins with, and who takes its result. */
  readonly oneOf?: { readonly prefix: string; readonly take: (result: unknown) => void };
}

/** Runs the command on a connection; resolves with its exit code. */
export async function runOn(connection: DaemonConnection, session: Session, opId: OpId | undefined): Promise<number> {
  const { command, params, rest } = session.invocation;
  return (await command.run(contextOf(connection, session, opId), params as never, rest)) ?? 0;
}

function contextOf(
  connection: DaemonConnection,
  { invocation: { flags }, streams, interrupt, oneOf }: Session,
  opId: OpId | undefined,
): CommandContext {
  const say = (text: string) => void (flags.quiet || streams.err(text));
  const progress = new Progress(oneOf === undefined ? say : (text) => say(`${oneOf.prefix}${text}`));
  return {
    call: (key, params, { passesSignals = false, terminal, leave, progress: shown = "always", ...options } = {}) =>
      connection.call(key, params, {
        signal: leave === undefined ? interrupt.signal : AbortSignal.any([interrupt.signal, leave]),
        ...options,
        ...(passesSignals ? { passSignals: passing(interrupt, terminal) } : {}),
        onEvent: (event, data) => {
          if (shown === "always" || flags.loud || isatty(2)) progress.take(event, data);
          return options.onEvent?.(event, data);
        },
      }),
    json: flags.json,
    quiet: flags.quiet,
    print: async (value, human) =>
      flags.json && oneOf !== undefined
        ? oneOf.take(value)
        : streams.out(flags.json ? Buffer.from(`${JSON.stringify(value)}\n`) : human(value), interrupt.signal),
    ask: (question) => ask(question, (text) => streams.err(text), readStandardInput, interrupt.signal),
    note: (text) => say(`${text}\n`),
    write: (stream, bytes) => streams[stream === "stdout" ? "out" : "err"](bytes, interrupt.signal),
    // What it needs is loaded only for who has a terminal to lend.
    lendTerminal: async (wanted) => (await import("./lent-terminal.ts")).lendTerminal(wanted),
    foreground: (file, args, over) => runInForeground(file, args, interrupt, over),
    // What a command doesn't use isn't made: these cost milliseconds.
    get stdin() {
      return readStandardInput();
    },
    get terminal() {
      return ownTerminal();
    },
    opId,
  };
}

/** Signals, and the terminal's sizes, on their way to what runs elsewhere. */
function passing(interrupt: Interrupt, terminal: LentTerminal | undefined) {
  return (pass: (signal: number, size?: TerminalSize) => void) => {
    const ends = [interrupt.passTo(pass), terminal?.onSize((size) => pass(constants.signals.SIGWINCH, size))];
    return () => {
      for (const end of ends) end?.();
    };
  };
}
