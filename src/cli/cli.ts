import { once } from "node:events";
import { BangerError } from "../rpc/contract/errors.ts";
import { services, attribute } from "../telemetry/names.ts";
import type { OpId } from "../telemetry/op-id.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { Spans } from "../telemetry/spans.ts";
import { startTracer } from "../telemetry/tracer.ts";
import { parseForeignTraceparent } from "../telemetry/traceparent.ts";
import { version } from "../version.ts";
import type { CommandContext } from "./command.ts";
import { completion } from "./completion.ts";
import { DaemonConnection } from "./daemon-connection.ts";
import { methods } from "./generated/methods.ts";
import { commandHelp, nounHelp, programHelp } from "./help.ts";
import { type Interrupt, listenForInterrupt } from "./interrupt.ts";
import { Progress } from "./output/progress.ts";
import { type Invocation, parseCommandLine } from "./parse.ts";
import { reportError } from "./report-error.ts";

type CommandInvocation = Extract<Invocation, { kind: "command" }>;

/** Runs one command line; resolves with the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  // A reader that leaves early (`| head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    const invocation = parseCommandLine(argv);
    switch (invocation.kind) {
      case "help":
        process.stdout.write(helpText(invocation));
        return 0;
      case "completion":
        process.stdout.write(completion(invocation.shell));
        return 0;
      case "version":
        process.stdout.write(`banger ${version}\n`);
        return 0;
      case "command":
        return await runCommand(invocation);
    }
  } catch (error) {
    return reportError(error, argv.includes("--json"), toStderr);
  }
}

function helpText({ noun, command }: Extract<Invocation, { kind: "help" }>): string {
  if (command !== undefined) return commandHelp(command);
  return noun === undefined ? programHelp() : nounHelp(noun);
}

/** Runs a command as one operation: its spans are this process's until they are handed to the daemon at the end. */
async function runCommand(invocation: CommandInvocation): Promise<number> {
  const { command, flags } = invocation;
  const finished: SpanRecord[] = [];
  const spans = new Spans(startTracer(services.cli, (span) => void finished.push(span)));
  const interrupt = listenForInterrupt(flags.quiet ? () => undefined : toStderr);
  const config = flags.config ?? process.env["BANGER_CONFIG"] ?? "/etc/banger/install.toml";
  let connection: DaemonConnection | undefined;
  const work = async (opId: OpId | undefined) => {
    connection = await DaemonConnection.open(config, spans);
    return (
      (await command.run(
        contextOf(invocation, connection, interrupt, opId),
        invocation.params as never,
        invocation.rest,
      )) ?? 0
    );
  };
  try {
    return await (methods[command.method].traced ? asOperation(spans, command, work) : work(undefined));
  } catch (error) {
    return reportError(error, flags.json, toStderr);
  } finally {
    interrupt.close();
    await connection?.close(finished);
  }
}

/** Runs `work` in the outermost span of a new trace, which only links to the one that the environment names. */
async function asOperation(
  spans: Spans,
  { noun, verb }: CommandInvocation["command"],
  work: (opId: OpId) => Promise<number>,
): Promise<number> {
  const parent = parseForeignTraceparent(process.env["TRACEPARENT"]);
  const name = `banger ${noun} ${verb}`;
  const options = {
    attributes: { [attribute.command]: `${noun} ${verb}` },
    ...(parent === undefined ? {} : { parent }),
  };
  return spans.operation(name, options, async (opId) => {
    const log = await operationLog();
    log?.info({ operation: name }, "operation started");
    try {
      const exitCode = await work(opId);
      log?.info({ operation: name, exit_code: exitCode }, "operation completed");
      return exitCode;
    } catch (error) {
      log?.warn({ operation: name, err: error }, "operation failed");
      throw error instanceof BangerError ? error.withOpId(opId) : error;
    }
  });
}

/** With BANGER_LOG_LEVEL set, this process logs too, as the others do, on standard error. Nothing is loaded otherwise. */
async function operationLog() {
  if (process.env["BANGER_LOG_LEVEL"] === undefined) return undefined;
  const { createLogger } = await import("../telemetry/log.ts");
  return createLogger(services.cli, process.stderr);
}

function contextOf(
  { flags }: CommandInvocation,
  connection: DaemonConnection,
  interrupt: Interrupt,
  opId: OpId | undefined,
): CommandContext {
  const progress = new Progress(flags.quiet ? () => undefined : toStderr);
  return {
    call: (key, params, options = {}) =>
      connection.call(key, params, {
        signal: interrupt.signal,
        ...options,
        onEvent: (event, data) => {
          progress.take(event, data);
          return options.onEvent?.(event, data);
        },
      }),
    json: flags.json,
    print: (value, human) => void process.stdout.write(flags.json ? `${JSON.stringify(value)}\n` : human(value)),
    note: (text) => void (flags.quiet || toStderr(`${text}\n`)),
    write: async (stream, bytes) => {
      if (!process[stream].write(bytes)) await once(process[stream], "drain");
    },
    foreground: (file, args) => runInForeground(file, args, interrupt),
    // What a command doesn't use isn't made: these cost milliseconds.
    get stdin() {
      return process.stdin;
    },
    get terminal() {
      return terminalOf(process.stdout);
    },
    opId,
  };
}

function terminalOf(stream: NodeJS.WriteStream): CommandContext["terminal"] {
  const interactive = stream.isTTY === true;
  return {
    columns: stream.columns ?? 120,
    colour: interactive && process.env["NO_COLOR"] === undefined && process.env["TERM"] !== "dumb",
    interactive,
  };
}

async function runInForeground(file: string, args: readonly string[], interrupt: Interrupt): Promise<number> {
  using _ = interrupt.suspend();
  const { spawn } = await import("node:child_process");
  const child = spawn(file, args, { stdio: "inherit" });
  interrupt.signal.addEventListener("abort", () => child.kill("SIGTERM"));
  const ended = await once(child, "close").catch((cause: unknown) => {
    throw new BangerError("missing_tool", `${file} can't be run`, { cause });
  });
  const [code, signal] = ended as [number | null, NodeJS.Signals | null];
  if (code !== null) return code;
  const { constants } = await import("node:os");
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}

function toStderr(text: string): void {
  process.stderr.write(text);
}
