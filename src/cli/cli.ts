import { installPath } from "../installation/read-install-file.ts";
import { errorTable } from "../rpc/contract/errors.ts";
import { version } from "../version.ts";
import { exactArguments, mustBeUtf8 } from "./arguments.ts";
import { type MethodKey, specOf } from "./command.ts";
import { completion } from "./completion.ts";
import { completionAnswer, completionWord } from "./completion-answer.ts";
import { commandHelp, nounHelp, programHelp } from "./help.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { ownTerminal } from "./output/terminal.ts";
import { ReaderLeft, StandardStreams } from "./output/standard-streams.ts";
import { type Invocation, parseCommandLine } from "./parse.ts";
import { runPoll } from "./poll.ts";
import { reportError } from "./report-error.ts";

/** The methods whose parameters may be bytes that are no UTF-8: they are a guest's. */
const passesBytes: ReadonlySet<MethodKey | undefined> = new Set(["vmExec", "vmRun", "vmCopy"]);

/** Runs one command line; resolves with the exit code once all that it says is written. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const streams = new StandardStreams();
  try {
    if (argv[0] === completionWord) {
      await streams.out(await completionAnswer(argv.slice(1), defaultConfig()));
      return 0;
    }
    const exact = exactArguments(argv);
    const invocation = parseCommandLine(exact);
    if (invocation.kind !== "command" || !passesBytes.has(invocation.command.method)) mustBeUtf8(exact);
    if (invocation.kind === "command" || invocation.kind === "several") return await runCommand(invocation, streams);
    await streams.out(textOf(invocation, asksForJson(argv)));
    return 0;
  } catch (error) {
    if (error instanceof ReaderLeft) return 0;
    return reportError(error, asksForJson(argv), (text) => void streams.err(text));
  } finally {
    await streams.flush();
  }
}

/** True when an answer, or an error, is to be JSON, also that of a command line which can't be read; what is behind `--` is another's. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return (end === -1 ? argv : argv.slice(0, end)).includes("--json");
}

function defaultConfig(): string {
  return installPath(process.env["BANGER_CONFIG"]);
}

type Commands = Extract<Invocation, { kind: "command" | "several" }>;

function textOf(invocation: Exclude<Invocation, Commands>, json: boolean): string {
  switch (invocation.kind) {
    case "help": {
      const { interactive, columns } = ownTerminal();
      // In a pipe a line is a line, unless somebody says how long it may be.
      const width = interactive || process.env["COLUMNS"] ? columns : undefined;
      if (invocation.command !== undefined) return commandHelp(invocation.command, width);
      return invocation.noun === undefined ? programHelp(width) : nounHelp(invocation.noun, width);
    }
    case "completion":
      return completion(invocation.shell);
    case "version":
      return json ? `${JSON.stringify({ version })}\n` : `banger ${version}\n`;
  }
}

async function runCommand(invocation: Commands, streams: StandardStreams): Promise<number> {
  const { flags } = invocation;
  const say = (text: string | Uint8Array) => void streams.err(text);
  const interrupt = listenForInterrupt(flags.quiet ? () => undefined : say);
  const config = installPath(flags.config, process.env["BANGER_CONFIG"]);
  const session = { config, streams, interrupt };
  try {
    if (invocation.kind === "command" && !specOf(invocation.command).traced) {
      return await runPoll({ ...session, invocation });
    }
    // A tracer is loaded only where there is something to trace.
    const { runOperation, startSpans } = await import("./operation.ts");
    const spans = startSpans();
    if (invocation.kind === "command") return await runOperation({ ...session, invocation }, spans);
    const { runSeveral } = await import("./several.ts");
    return await runSeveral(invocation, { ...session, run: (one) => runOperation(one, spans) });
  } catch (error) {
    const exitCode = reportError(error, flags.json, say);
    return exitCode === errorTable.cancelled.exit ? (interrupt.exitCode ?? exitCode) : exitCode;
  } finally {
    await streams.flush(interrupt.signal);
    interrupt.close();
  }
}
