import { isUtf8 } from "node:buffer";
import { BangerError } from "../../../rpc/contract/errors.ts";
import type { TerminalSize } from "../../../rpc/frame.ts";
import { exactVariable } from "../../arguments.ts";
import { type CommandContext, command } from "../../command.ts";
import { Collected } from "../../output/collected.ts";

const notFound = 127;
const notRunnable = 126;
const ENOENT = 2;

const mib = 1024 * 1024;
/** As JSON, a byte is up to seven and a third characters, base64 included, and V8 has strings of 512 MiB at most. */
const jsonMib = 64;

/**
 * `vm exec`: the command's output is ours, and its exit code; as in a shell, a signal's is 128 and its number, 127 says that
 * there is no such command and 126 that it can't be run. With `-t` it has a terminal, whether there is one here or not; with `-it` the
 * one here is its own.
 */
export const vmExec = command({
  noun: "vm",
  verb: "exec",
  method: "vmExec",
  about: "With --json what it prints is in the result, which holds 64 MiB: a command that prints more is ended.",
  positionals: ["vm"],
  rest: { name: "argv", summary: "the command and its arguments", required: true },
  short: { stdin: "i", tty: "t", env: "e", user: "u", cwd: "C" },
  examples: [
    "banger vm exec web -- uname -a",
    "banger vm exec -it web -- bash",
    "banger vm exec -i -u nobody web -- sh -c 'wc -c' < file",
  ],
  run: async (context, params, argv) => {
    const { call, json, note, print, stdin, lendTerminal } = context;
    const interactive = params.stdin === true && !json;
    using terminal = params.tty === true ? await lendTerminal({ raw: interactive }) : undefined;
    const size = params.size ?? shown(terminal?.size);
    const output = takeOutput(context);
    const end = await call(
      "vmExec",
      {
        ...params,
        ...(size === undefined ? {} : { size }),
        env: [
          ...(params.tty === true ? [`TERM=${process.env["TERM"] || "xterm"}`] : []),
          ...(params.env ?? []).map((given) => withValue(given, "vm exec")),
        ],
        argv: [...argv],
      },
      {
        passesSignals: true,
        // A size that was asked for stays.
        terminal: params.size === undefined ? terminal : undefined,
        ...(params.stdin === true ? { input: stdin } : {}),
        onEvent: output.take,
      },
    ).catch((error: unknown) => {
      throw asShell(error, argv[0] ?? "");
    });
    if (end.out_of_memory === true) note(`banger: vm.exec: ${argv[0] ?? ""}: killed, the guest is out of memory`);
    if (json) await print({ ...end, ...output.collected() }, () => "");
    return output.endedWith(exitCodeOf(end));
  },
});

function shown(size: TerminalSize | undefined): string | undefined {
  return size === undefined ? undefined : `${size.columns}x${size.rows}`;
}

/** Takes a command's output as it comes: with --json for the result, as far as that has room, else to our own. */
export function takeOutput({ json, write }: Pick<CommandContext, "json" | "write">) {
  const collected = { stdout: new Collected(), stderr: new Collected() };
  let leftBytes = jsonMib * mib;
  let isLost = false;
  return {
    take: async (event: string, data: unknown): Promise<void> => {
      if (event !== "stdout" && event !== "stderr") return;
      const bytes = Buffer.from(String(data), "base64");
      if (!json) isLost = !(await write(event, bytes)) || isLost;
      else if ((leftBytes -= bytes.length) >= 0) collected[event].add(bytes);
      else throw tooMuchForJson();
    },
    collected: () => ({ ...textOf("stdout", collected.stdout.bytes), ...textOf("stderr", collected.stderr.bytes) }),
    /** Refuses success where words of its were lost; its own failure goes before that. */
    endedWith: (exitCode: number): number => {
      if (isLost && exitCode === 0) throw new BangerError("output_failed", "standard error can't be written");
      return exitCode;
    },
  };
}

function tooMuchForJson(): BangerError {
  return new BangerError("output_failed", `the command prints more than the ${jsonMib} MiB that a result holds`, {
    details: {
      hint: "Leave out `--json`, or let the command write to a file, which `banger vm cp` fetches. The command was ended.",
    },
  });
}

/** An output as JSON has it: text, and the bytes beside it where they aren't UTF-8. */
function textOf(stream: "stdout" | "stderr", bytes: Buffer) {
  return {
    [stream]: bytes.toString("utf8"),
    ...(isUtf8(bytes) ? {} : { [`${stream}_base64`]: bytes.toString("base64") }),
  };
}

/** A command's end as a shell tells it: a signal's is 128 and its number. */
export function exitCodeOf(end: { readonly exit_code: number | null; readonly signal: number | null }): number {
  return end.signal === null ? (end.exit_code ?? 0) : 128 + end.signal;
}

/** `NAME` alone is passed with the caller's own value. */
export function withValue(given: string, title: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(given)) return given;
  const value = exactVariable(given);
  if (value !== undefined) return `${given}=${value}`;
  throw new BangerError("usage", `${title}: env: ${given} is not set here`, {
    details: { field: "env", hint: `Set it, or say \`-e ${given}=VALUE\`.` },
  });
}

/** The error of a command that could not be started, with the exit code that a shell gives it. */
export function asShell(error: unknown, file: string): unknown {
  if (!(error instanceof BangerError) || error.code !== "command_failed") return error;
  const errno = error.details?.["errno"];
  if (typeof errno !== "number") return error;
  // A user or a directory that isn't there is the caller's mistake, not the command's; an agent of an older banger doesn't tell.
  const ofProgram = error.details?.["what"] === "program";
  if (!ofProgram && !error.plain.includes(`could not be started: ${file.slice(0, 150)}: `)) return error;
  return new BangerError(error.code, error.plain, {
    cause: error,
    ...(error.opId === undefined ? {} : { opId: error.opId }),
    details: {
      ...error.details,
      exit_code: errno === ENOENT ? notFound : notRunnable,
      hint: "The command is looked up in the guest; no shell of its own is run.",
    },
  });
}
