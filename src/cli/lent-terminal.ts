import { spawnSync } from "node:child_process";
import { isatty } from "node:tty";
import { BangerError } from "../rpc/contract/errors.ts";
import type { TerminalSize } from "../rpc/frame.ts";

/** The terminal that a command was started on, lent to what runs in a guest; given back when it is disposed of. */
export interface LentTerminal extends Disposable {
  /** Undefined where there is none, or it doesn't say. */
  readonly size: TerminalSize | undefined;
  /** Standard input is a terminal whose keys are all bytes now, Ctrl-C too. */
  readonly raw: boolean;
  /** Hears each new size; call what it returns to end that. */
  onSize(listener: (size: TerminalSize) => void): () => void;
}

/** A terminal of which somebody else has taken hold keeps a program that would set it waiting. */
const sttyDeadlineMs = 1_000;
const raw = ["raw", "-echo", "-iexten"];

/**
 * Lends the terminal. With `raw`, where standard input is one, all of its keys become bytes, and what is written there isn't changed:
 * Node's own raw mode still turns a line feed into two characters. However this process ends, unless by SIGKILL or another signal
 * that it can't hear of, the terminal is as it was before.
 */
export function lendTerminal(wanted: { readonly raw: boolean }): LentTerminal {
  const fd = [0, 1, 2].find((stream) => isatty(stream));
  const before = wanted.raw && isatty(0) ? stty(0, ["-g"]).trim() : undefined;
  const restore = () => {
    if (before !== undefined) trySetting([before]);
  };
  // Whoever was stopped finds the terminal as the shell left it.
  const takeAgain = () => void (before !== undefined && trySetting(raw));
  if (before !== undefined) {
    process.on("exit", restore);
    process.on("SIGCONT", takeAgain);
    stty(0, raw);
  }
  return {
    raw: before !== undefined,
    size: fd === undefined ? undefined : sizeOf(fd),
    onSize: (listener) => {
      const tell = () => {
        const size = fd === undefined ? undefined : sizeOf(fd);
        if (size !== undefined) listener(size);
      };
      for (const signal of ["SIGWINCH", "SIGCONT"]) process.on(signal, tell);
      return () => {
        for (const signal of ["SIGWINCH", "SIGCONT"]) process.off(signal, tell);
      };
    },
    [Symbol.dispose]: () => {
      process.off("SIGCONT", takeAgain);
      process.off("exit", restore);
      restore();
    },
  };
}

/** A terminal that isn't there any more needs nothing. */
function trySetting(modes: readonly string[]): void {
  spawnSync("stty", modes, { stdio: [0, "ignore", "ignore"], timeout: sttyDeadlineMs, killSignal: "SIGKILL" });
}

/** Asks about, or sets, the terminal on a stream. */
function stty(fd: number, args: readonly string[]): string {
  const options = { timeout: sttyDeadlineMs, killSignal: "SIGKILL", encoding: "utf8" } as const;
  const { error, status, stdout } = spawnSync("stty", args, { ...options, stdio: [fd, "pipe", "ignore"] });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOENT") throw new BangerError("missing_tool", "stty is not installed here, or not in PATH");
  if (status === 0) return stdout;
  throw new BangerError("host_failed", `the terminal can't be set: stty ${args.join(" ")}: ${code ?? "it failed"}`, {
    details: { hint: "Run it in the foreground of a terminal, or leave `-t` out." },
  });
}

/** A terminal that hung up, or is slow to answer, has no size: that ends nothing. */
function sizeOf(fd: number): TerminalSize | undefined {
  try {
    const [rows = 0, columns = 0] = stty(fd, ["size"]).trim().split(" ").map(Number);
    return rows > 0 && columns > 0 ? { rows, columns } : undefined;
  } catch (error) {
    if (error instanceof BangerError && error.code === "host_failed") return undefined;
    throw error;
  }
}
