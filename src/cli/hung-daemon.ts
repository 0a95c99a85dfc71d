import { readFileSync } from "node:fs";

/** A daemon that holds its socket and doesn't answer, and what it was asked for. */
export interface Hung {
  /** Undefined where it can't be seen which process it is. */
  readonly pid: number | undefined;
  /** True where systemd runs it. */
  readonly installed: boolean;
  /** What becomes of what it was asked for: a poll begins nothing, an operation ends with its caller unless it outlives him. */
  readonly asked: "poll" | "operation" | "outlives";
}

const fates: Readonly<Record<Hung["asked"], string>> = {
  poll: "",
  operation: " What it had begun of this is cancelled, and undone, when it goes on.",
  outlives: " If it had begun this, that goes on with it: `banger operation ls` says so then.",
};

/** The next step where a daemon was given up, and what is true of what it was asked for. */
export function hungDaemonHint({ pid, installed, asked }: Hung): string {
  const who = pid === undefined ? "" : ` (pid ${pid})`;
  return `${isStopped(pid) ? `It is stopped${who}: \`kill -CONT ${pid}\` lets it go on.` : `It is stuck or overloaded${who}: ${restart(pid, installed)}`}${fates[asked]}`;
}

function restart(pid: number | undefined, installed: boolean): string {
  const wait = "`banger daemon status` says when it answers again; if it doesn't,";
  if (installed) return `${wait} \`sudo systemctl restart bangerd\` replaces it, and VMs run on.`;
  return `${wait} \`kill -KILL ${pid ?? "<its pid>"}\`, then start it again: \`bangerd\`; VMs run on.`;
}

/** True for a process that a signal stopped (proc_pid_stat(5)). */
function isStopped(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    // What stands in brackets may itself have brackets and spaces.
    return /\) [Tt] /.test(readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/s, ")"));
  } catch {
    return false;
  }
}
