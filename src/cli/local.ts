import type { OpId } from "../telemetry/op-id.ts";
import type { Spans } from "../telemetry/spans.ts";
import { ask } from "./ask.ts";
import type { Input, LocalContext, MethodKey } from "./command.ts";
import { DaemonConnection, layoutAt } from "./daemon-connection.ts";
import { Progress } from "./output/progress.ts";
import { ownTerminal } from "./output/terminal.ts";
import { ReaderLeft } from "./output/standard-streams.ts";
import type { Session } from "./session.ts";
import { readStandardInput } from "./standard-input.ts";

/** Runs a command that needs no daemon: on this host, by this process. Resolves with its exit code. */
export async function runLocal(
  { invocation, streams, interrupt, config }: Session,
  operation?: { readonly spans: Spans; readonly opId: OpId },
): Promise<number> {
  const { command, params, flags } = invocation;
  if (operation !== undefined) interrupt.undoesHere();
  const say = (text: string) => void (flags.quiet || streams.err(text));
  const progress = new Progress(say);
  let connection: DaemonConnection | undefined;
  const context: LocalContext = {
    json: flags.json,
    quiet: flags.quiet,
    config,
    signal: interrupt.signal,
    spans: operation?.spans,
    opId: operation?.opId,
    print: async (value, human) =>
      streams.out(flags.json ? Buffer.from(`${JSON.stringify(value)}\n`) : human(value), interrupt.signal),
    ask: (question) =>
      ask(question, async (text) => void (await streams.err(text)), readStandardInput, interrupt.signal),
    note: (text) => say(`${text}\n`),
    tell: (event) => progress.take("step", event),
    layout: () => layoutAt(config),
    call: async <K extends MethodKey>(key: K, asked: Input<K>, options: Parameters<LocalContext["call"]>[2] = {}) => {
      connection ??= await DaemonConnection.open(config);
      return connection.call(key, asked, { signal: interrupt.signal, ...options });
    },
    onlyLeave: () => interrupt.onlyLeave(),
    get interruptCode() {
      return interrupt.exitCode;
    },
    get terminal() {
      return ownTerminal();
    },
  };
  try {
    return (await command.local?.run(context, params)) ?? 0;
  } catch (error) {
    if (error instanceof ReaderLeft) return 0;
    throw error;
  } finally {
    await connection?.close([]);
  }
}
