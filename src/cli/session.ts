import { constants } from "node:os";
import type { OperationStatus } from "../rpc/contract/operation.ts";
import type { TerminalSize } from "../rpc/frame.ts";
import { isatty } from "node:tty";
import type { OpId } from "../telemetry/op-id.ts";
import { ask as askPerson } from "./ask.ts";
import { type CallChoices, type CommandContext, type Input, type MethodKey, type Result, specOf } from "./command.ts";
import { commands } from "./commands.ts";
import { type DaemonConnection, layoutAt } from "./daemon-connection.ts";
import { detach } from "./flags.ts";
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

/** Who is asked. */
export type Asked = Pick<DaemonConnection, "call" | "begin">;

/** What the command asked for is begun, and goes on by itself. */
class Detached extends Error {
  override readonly name = "Detached";
  readonly operation: OperationStatus;

  constructor(operation: OperationStatus) {
    super(operation.op_id);
    this.operation = operation;
  }
}

/** Runs the command on a connection; resolves with its exit code. */
export async function runOn(connection: Asked, session: Session, opId: OpId | undefined): Promise<number> {
  const { command, params, rest } = session.invocation;
  const context = contextOf(connection, session, opId);
  try {
    return (await command.run(context, params as never, rest)) ?? 0;
  } catch (error) {
    if (!(error instanceof Detached)) throw error;
    await context.print(error.operation, ({ op_id: begun }) => `${begun}\n`);
    return 0;
  }
}

function contextOf(connection: Asked, session: Session, opId: OpId | undefined): CommandContext {
  const { invocation, config, streams, interrupt, oneOf } = session;
  const { flags, command, switches } = invocation;
  const say = (text: string) => void (flags.quiet || streams.err(text));
  const progress = new Progress(oneOf === undefined ? say : (text) => say(`${oneOf.prefix}${text}`));
  const ask = async <K extends MethodKey>(
    key: K,
    params: Input<K>,
    { passesSignals = false, terminal, leave, progress: shown = "always", ...options }: CallChoices = {},
  ): Promise<Result<K>> => {
    const asking = {
      signal: leave === undefined ? interrupt.signal : AbortSignal.any([interrupt.signal, leave]),
      ...options,
    };
    if (key === command.method && switches.has(detach.name)) {
      throw new Detached(await connection.begin(key, params, asking));
    }
    return connection.call(key, params, {
      ...asking,
      ...(passesSignals === false ? {} : { passSignals: passing(interrupt, terminal, passesSignals) }),
      onEvent: (event, data) => {
        if (shown === "always" || flags.loud || isatty(2)) progress.take(event, data);
        return options.onEvent?.(event, data);
      },
    });
  };
  const context: CommandContext = {
    call: ask,
    showResult: async ({ method, op_id: operation, result }) => {
      const known = commands.find((one) => specOf(one).name === method);
      if (known?.show === undefined) return false;
      await known.show({ ...context, opId: operation as OpId }, result as never);
      return true;
    },
    switches,
    onlyLeave: () => interrupt.onlyLeave(),
    config,
    interrupted: interrupt.signal,
    get interruptCode() {
      return interrupt.exitCode;
    },
    json: flags.json,
    quiet: flags.quiet,
    print: async (value, human) =>
      flags.json && oneOf !== undefined
        ? oneOf.take(value)
        : streams.out(flags.json ? Buffer.from(`${JSON.stringify(value)}\n`) : human(value), interrupt.signal),
    ask: (question) =>
      askPerson(question, async (text) => void (await streams.err(text)), readStandardInput, interrupt.signal),
    note: (text) => say(`${text}\n`),
    write: async (stream, bytes) => {
      if (stream === "stderr") return streams.err(bytes, interrupt.signal);
      await streams.out(bytes, interrupt.signal);
      return true;
    },
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
    layout: () => layoutAt(session.config),
    opId,
  };
  return context;
}

/** Signals, and the terminal's sizes, on their way to what runs elsewhere, once it runs. */
function passing(interrupt: Interrupt, terminal: LentTerminal | undefined, runs: true | Promise<void>) {
  return (pass: (signal: number, size?: TerminalSize) => void) => {
    const ends: ((() => void) | undefined)[] = [];
    let isOver = false;
    const begin = () => {
      if (isOver) return;
      ends.push(
        interrupt.passTo(pass),
        terminal?.onSize((size) => pass(constants.signals.SIGWINCH, size)),
      );
    };
    if (runs === true) begin();
    else void runs.then(begin);
    return () => {
      isOver = true;
      for (const end of ends) end?.();
    };
  };
}
