import { version } from "../version.ts";
import { refuseChangedArguments } from "./arguments.ts";
import { completion } from "./completion.ts";
import { methods } from "./generated/methods.ts";
import { commandHelp, nounHelp, programHelp } from "./help.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { ReaderLeft, StandardStreams } from "./output/standard-streams.ts";
import { type Invocation, parseCommandLine } from "./parse.ts";
import { runPoll } from "./poll.ts";
import { reportError } from "./report-error.ts";
import type { Session } from "./session.ts";

/** Runs one command line; resolves with the exit code once all that it says is written. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const streams = new StandardStreams();
  try {
    refuseChangedArguments(argv);
    const invocation = parseCommandLine(argv);
    if (invocation.kind === "command") return await runCommand(invocation, streams);
    await streams.out(textOf(invocation));
    return 0;
  } catch (error) {
    if (error instanceof ReaderLeft) return 0;
    return reportError(error, argv.includes("--json"), (text) => void streams.err(text));
  } finally {
    await streams.flush(false);
  }
}

function textOf(invocation: Exclude<Invocation, { kind: "command" }>): string {
  switch (invocation.kind) {
    case "help":
      if (invocation.command !== undefined) return commandHelp(invocation.command);
      return invocation.noun === undefined ? programHelp() : nounHelp(invocation.noun);
    case "completion":
      return completion(invocation.shell);
    case "version":
      return `banger ${version}\n`;
  }
}

async function runCommand(invocation: Session["invocation"], streams: StandardStreams): Promise<number> {
  const { command, flags } = invocation;
  const say = (text: string) => void streams.err(text);
  const interrupt = listenForInterrupt(flags.quiet ? () => undefined : say);
  const config = flags.config ?? process.env["BANGER_CONFIG"] ?? "/etc/banger/install.toml";
  const session = { invocation, config, streams, interrupt };
  try {
    if (!methods[command.method].traced) return await runPoll(session);
    // A tracer is loaded only where there is something to trace.
    const { runOperation } = await import("./operation.ts");
    return await runOperation(session);
  } catch (error) {
    return reportError(error, flags.json, say);
  } finally {
    await streams.flush(interrupt.signal.aborted);
    interrupt.close();
  }
}
