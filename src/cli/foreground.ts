import { once } from "node:events";
import { accessSync, constants as access } from "node:fs";
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
  // Were this process killed, it would go on beside the shell, on the same terminal.
  const child = spawn("setpriv", ["--pdeathsig", "TERM", "--", file, ...args], { stdio: "inherit" });
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
