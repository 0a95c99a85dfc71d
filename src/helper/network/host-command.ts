import { spawn } from "node:child_process";
import { basename } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";

/** The programs that the helper runs to their end: these files and no others, without a shell, with an empty environment. */
const programs = { nft: "/usr/sbin/nft", setpriv: "/usr/bin/setpriv" } as const;

type Program = keyof typeof programs;

/** How a program ended. */
interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the helper's programs, each in a span. */
export interface HostCommand {
  /** Runs a program to its end; a bad exit is `command_failed` with its last words. */
  (program: Program, args: readonly string[], input?: string): Promise<void>;
  /** Runs a program whose bad exit is an answer too. */
  ask(program: Program, args: readonly string[]): Promise<Ended>;
}

/** The most that is kept of each output. */
const maxOutput = 64 * 1024;
const deadlineMs = 10_000;

/** Makes the runner of the helper's programs. */
export function createHostCommand(spans: Spans): HostCommand {
  const run = (program: Program, args: readonly string[], input: string, judge: (ended: Ended) => void) => {
    const name = basename(programs[program]);
    return spans.span(`exec ${name}`, { attributes: { [attribute.executable]: name } }, async (span) => {
      const ended = await runToEnd(programs[program], args, input);
      span.setAttribute(attribute.exitCode, ended.code);
      judge(ended);
      return ended;
    });
  };
  return Object.assign(
    async (program: Program, args: readonly string[], input = "") =>
      void (await run(program, args, input, ({ code, stderr }) => {
        if (code === 0) return;
        const words = stderr.trim().split("\n").slice(-3).join("; ").slice(0, 500);
        throw new BangerError("command_failed", `${program} exited with ${code}: ${words}`);
      })),
    { ask: (program: Program, args: readonly string[]) => run(program, args, "", () => undefined) },
  );
}

function runToEnd(file: string, args: readonly string[], input: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: {}, cwd: "/", timeout: deadlineMs, killSignal: "SIGKILL" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout = (stdout + text).slice(-maxOutput);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-maxOutput);
    });
    child.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new BangerError("missing_tool", `${file} can't be run: ${cause.code ?? cause.message}`, { cause })),
    );
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on("error", () => undefined).end(input);
    child.once("close", (code) => resolve({ code: code ?? 137, stdout, stderr }));
  });
}
