import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants as access, readFileSync } from "node:fs";
import { join } from "node:path";
import { BangerError } from "../rpc/contract/errors.ts";
import type { Interrupt } from "./interrupt.ts";

/** Runs a program in the foreground, which gets the terminal and Ctrl-C; resolves with its exit code, a signal's as a shell has it. `over` ends it. */
export async function runInForeground(
  file: string,
  args: readonly string[],
  interrupt: Interrupt,
  over?: AbortSignal,
): Promise<number> {
  using _ = interrupt.suspend();
  if (!isInPath(file)) throw new BangerError("missing_tool", `${file} is not installed here, or not in PATH`);
  const { spawn } = await import("node:child_process");
  let child: ChildProcess | undefined;
  // From before the child is there: one that is listened for later isn't heard.
  using _stops = stopWith(() => child?.pid);
  // Were this process killed, it would go on beside the shell, on the same terminal.
  child = spawn("setpriv", ["--pdeathsig", "TERM", "--", file, ...args], { stdio: "inherit" });
  const end = () => child.kill("SIGTERM");
  interrupt.signal.addEventListener("abort", end);
  if (interrupt.signal.aborted) end();
  over?.addEventListener("abort", end);
  const ended = await once(child, "close").catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === "ENOENT" ? "setpriv is not installed here, or not in PATH" : `can't be run: ${code ?? "unknown"}`;
    throw new BangerError("missing_tool", code === "ENOENT" ? why : `${file} ${why}`, { cause });
  });
  const [code, signal] = ended as [number | null, NodeJS.Signals | null];
  if (code !== null) return code;
  const { constants } = await import("node:os");
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}

function isInPath(file: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((directory) => {
    try {
      accessSync(join(directory, file), access.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * This process stops when its child does: a program may stop itself alone, as ssh does for `~^Z`, and a shell sees only us. It
 * lets both go on. Where no shell could do that the kernel takes no such signal, and the child is let go on here.
 */
function stopWith(pidOf: () => number | undefined): Disposable {
  const take = () => {
    const pid = pidOf();
    if (pid === undefined || !isStopped(pid)) return;
    process.kill(process.pid, "SIGTSTP");
    process.kill(pid, "SIGCONT");
  };
  process.on("SIGCHLD", take);
  return { [Symbol.dispose]: () => void process.off("SIGCHLD", take) };
}

/** What the state of a stopped process is (proc_pid_stat(5)); its name stands before it, in parentheses. */
function isStopped(pid: number): boolean {
  try {
    return /\) T [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
