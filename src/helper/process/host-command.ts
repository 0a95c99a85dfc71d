import { spawn } from "node:child_process";
import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";

/** The programs that the helper runs to their end: these files and no others, without a shell, with an empty environment. */
export const programs = { busctl: "/usr/bin/busctl", setpriv: "/usr/bin/setpriv" } as const;

/** How a program ended. */
interface Ended {
  readonly code: number;
  /** What it printed, on standard output and error together. */
  readonly output: string;
}

/** Runs one of the helper's programs to its end, in a span; a bad exit is an answer too. */
export type HostCommand = (program: keyof typeof programs, args: readonly string[]) => Promise<Ended>;

/** The most that is kept of the output. */
const maxOutput = 4 * 1024;
const deadlineMs = 10_000;

/** Makes the runner of the helper's programs. */
export function createHostCommand(spans: Spans): HostCommand {
  return (program, args) =>
    spans.span(`exec ${program}`, { attributes: { [attribute.executable]: program } }, async (span) => {
      const ended = await runToEnd(programs[program], args);
      span.setAttribute(attribute.exitCode, ended.code);
      return ended;
    });
}

function runToEnd(file: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: {},
      cwd: "/",
      timeout: deadlineMs,
      killSignal: "SIGKILL",
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(0, maxOutput);
      });
    }
    child.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new BangerError("missing_tool", `${file} can't be run: ${cause.code ?? cause.message}`, { cause })),
    );
    child.once("close", (code) => resolve({ code: code ?? 137, output }));
  });
}
