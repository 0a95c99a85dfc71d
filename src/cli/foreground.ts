import { once } from "node:events";
import { BangerError } from "../rpc/contract/errors.ts";
import type { Interrupt } from "./interrupt.ts";

/** Runs a program in the foreground, which gets the terminal and Ctrl-C; resolves with its exit code, a signal's as a shell has it. */
export async function runInForeground(file: string, args: readonly string[], interrupt: Interrupt): Promise<number> {
  using _ = interrupt.suspend();
  const { spawn } = await import("node:child_process");
  const child = spawn(file, args, { stdio: "inherit" });
  interrupt.signal.addEventListener("abort", () => child.kill("SIGTERM"));
  const ended = await once(child, "close").catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "is not installed here, or not in PATH" : `can't be run: ${code ?? "unknown"}`;
    throw new BangerError("missing_tool", `${file} ${why}`, { cause });
  });
  const [code, signal] = ended as [number | null, NodeJS.Signals | null];
  if (code !== null) return code;
  const { constants } = await import("node:os");
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}
