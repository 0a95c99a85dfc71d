import { spawn } from "node:child_process";
import { basename } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";

/** The programs that the helper runs: these files and no others, without a shell, with an empty environment. */
const programs = {
  ip: "/usr/sbin/ip",
  bridge: "/usr/sbin/bridge",
  nft: "/usr/sbin/nft",
} as const;

type Program = keyof typeof programs;

/** Runs the helper's programs, each in a span. */
export interface HostCommand {
  /** Runs a program to its end; a bad exit is `command_failed` with its last words. */
  (program: Program, args: readonly string[], input?: string): Promise<{ stdout: string }>;
  /** Looks for something: undefined, and no failure, when the program's words say that it isn't there. */
  look(program: Program, args: readonly string[], absent: RegExp): Promise<{ stdout: string } | undefined>;
}

/** The most that is kept of each output. `ip` lists all links in one document. */
const maxOutput = 4 * 1024 * 1024;
const deadlineMs = 10_000;

/** Makes the runner of the helper's programs. */
export function createHostCommand(spans: Spans): HostCommand {
  const run = (program: Program, args: readonly string[], input: string, absent?: RegExp) => {
    const name = basename(programs[program]);
    return spans.span(`exec ${name}`, { attributes: { [attribute.executable]: name } }, async (span) => {
      const ended = await runToEnd(programs[program], args, input);
      span.setAttribute(attribute.exitCode, ended.code);
      if (ended.code === 0) return { stdout: ended.stdout };
      if (absent?.test(ended.stderr) === true) return undefined;
      const words = ended.stderr.trim().split("\n").slice(-3).join("; ").slice(0, 500);
      throw new BangerError("command_failed", `${name} exited with ${ended.code}: ${words}`);
    });
  };
  return Object.assign(
    async (program: Program, args: readonly string[], input = "") =>
      (await run(program, args, input)) ?? { stdout: "" },
    { look: (program: Program, args: readonly string[], absent: RegExp) => run(program, args, "", absent) },
  );
}

function runToEnd(file: string, args: readonly string[], input: string) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve, reject) => {
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
