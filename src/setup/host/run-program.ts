import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { BangerError } from "../../rpc/contract/errors.ts";

/** What came of a program. */
export interface Ran {
  /** 127 where it isn't there. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program by its absolute path to its end. */
export type Run = (file: string, args: readonly string[]) => Promise<Ran>;

/** What programs are given of the environment: nothing that whoever asked for this says. */
const environment = {
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C.UTF-8",
  SYSTEMD_PAGER: "",
  SYSTEMD_COLORS: "0",
};

/** Runs programs for real. Each has a session of its own: a Ctrl-C is for us, who undo what was begun. */
export const runProgram: Run = async (file, args) => {
  const child = spawn(file, args, { env: environment, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve(127) : reject(error)));
    child.once("close", (code) => resolve(code ?? 128));
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
};

/** Runs a program that must succeed. */
export async function mustRun(run: Run, file: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(file, args);
  if (code === 0) return stdout;
  const words = stderr.trim() || stdout.trim() || `exit ${code}`;
  if (code === 127) throw new BangerError("missing_tool", `${file} is not there`);
  throw new BangerError("command_failed", `${file.split("/").at(-1)} ${args[0] ?? ""} failed: ${words.slice(0, 500)}`, {
    details: { exit: code, stderr: words },
  });
}
