import { spawn } from "node:child_process";
import { BangerError } from "../../rpc/contract/errors.ts";
import { hostTroubleOf } from "../../rpc/host-trouble.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";

/** The programs that the helper runs to their end: these files and no others, without a shell, with an empty environment. */
export const programs = { busctl: "/usr/bin/busctl", setpriv: "/usr/bin/setpriv" } as const;

/** How a program ended. */
interface Ended {
  readonly code: number;
  /** What it printed, on standard output and error together. */
  readonly output: string;
  /** It was ended, as it took so long. */
  readonly endedAfterMs?: number;
}

/** Runs one of the helper's programs to its end, in a span that says what it acted on; a bad exit is an answer too. */
export type HostCommand = (
  program: keyof typeof programs,
  args: readonly string[],
  actedOn?: Readonly<Record<string, string>>,
  endsWithinMs?: number,
) => Promise<Ended>;

/** The most that is kept of the output. */
const maxOutput = 4 * 1024;
const deadlineMs = 10_000;

/** Makes the runner of the helper's programs. */
export function createHostCommand(spans: Spans, usualMs = deadlineMs): HostCommand {
  return (program, args, actedOn = {}, endsWithinMs = usualMs) =>
    spans.span(`exec ${program}`, { attributes: { [attribute.executable]: program, ...actedOn } }, async (span) => {
      const ended = await runToEnd(programs[program], args, endsWithinMs);
      span.setAttribute(attribute.exitCode, ended.code);
      return ended;
    });
}

function runToEnd(file: string, args: readonly string[], endsWithinMs: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // In a group of its own: what it started, which may hold its output open, ends with it at the deadline.
    const child = spawn(file, args, { env: {}, cwd: "/", detached: true, stdio: ["ignore", "pipe", "pipe"] });
    child.once("error", (cause) => reject(whyNotRun(file, cause)));
    // Without a descriptor left it has no output either.
    if (child.pid === undefined) return;
    let isLate = false;
    const deadline = setTimeout(
      (leader) => {
        isLate = true;
        endGroup(leader);
      },
      endsWithinMs,
      child.pid,
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(0, maxOutput);
      });
    }
    child.once("close", (code) => {
      clearTimeout(deadline);
      resolve({ code: code ?? 137, output, ...(isLate ? { endedAfterMs: endsWithinMs } : {}) });
    });
  });
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** A program that isn't there is missing; of anything else the host says what it lacks. */
function whyNotRun(file: string, cause: NodeJS.ErrnoException): BangerError {
  const { code = cause.message } = cause;
  const trouble = code === "ENOENT" || code === "EACCES" ? undefined : hostTroubleOf(cause);
  return trouble ?? new BangerError("missing_tool", `${file} can't be run: ${code}`, { cause });
}
