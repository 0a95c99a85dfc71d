import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { errnoName } from "../../rpc/errno-name.ts";

/** What the recorder wrote down of its VMM. */
export type VmmRecord =
  | { readonly state: "starting" }
  | { readonly state: "running"; readonly pid: number }
  | { readonly state: "ended"; readonly status: number | null; readonly signal: number | null; readonly at: string };

/** What a recorder is started with. */
export interface Recorded {
  /** Root's file in which it writes down how the VMM goes. */
  readonly record: string;
  /** The guest's console: who owns the log, the program that keeps it bounded, and where it is. */
  readonly console: { readonly uid: number; readonly gid: number; readonly program: string; readonly path: string };
  /** The FIFO from which the VMM reads what is typed there. It has it open for writing too, so that it never ends. */
  readonly input: string;
  /** What the VMM gets from descriptor 3 on; at most four. */
  readonly given: readonly number[];
  /** Ends of pipes, and the file of the VMM's own words. */
  readonly plumbing: {
    readonly console: { readonly read: number; readonly write: number };
    readonly words: { readonly read: number; readonly write: number; readonly file: number };
  };
  readonly argv: readonly string[];
}

/** A file of console is begun anew at this size; two are kept. */
const consoleBytes = 512 * 1024;
/** The most that is kept of what a VMM says on its own. */
const wordsBytes = 64 * 1024;
/** The record is overwritten within the room that it was made with, so a full file system can't lose an end. */
const recordWidth = 31;

/**
 * The recorder: the VMM's parent, root's, and no child of the helper's session, so that it outlives the helper. It never
 * interprets what it is given: all of it comes as positional parameters. Standard output and error of this shell are
 * what the VMM inherits (and no umask: its directory says who reaches its sockets); 7 and 8 are the other ends, 9 the file of the VMM's words, in which a logger that can't be
 * started says so too. Whatever asks it to end (a host that shuts down asks all) it outwaits: a signal ends a `wait`, not the VMM.
 */
const script = `
umask 077
ulimit -c 0
ulimit -n 1024
record=$1 uid=$2 gid=$3 program=$4 log=$5 limit=$6 most=$7 input=$8
shift 8
as_owner() {
  exec /usr/bin/setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
}
{ umask 0; exec "$@"; } <>"$input" 7>&- 8>&- 9>&- &
vmm=$!
printf '%-${recordWidth}s\\n' "running $vmm" 1<>"$record"
exec 3>&- 4>&- 5>&- 6>&-
as_owner "$program" "$log" "$limit" <&7 >/dev/null 2>&9 7>&- 8>&- 9>&- &
as_owner /usr/bin/head -c "$most" <&8 >&9 2>/dev/null 7>&- 8>&- 9>&- &
exec >/dev/null 2>&1 7>&- 8>&- 9>&-
trap : TERM INT HUP
while wait "$vmm"; status=$?; kill -0 "$vmm" 2>/dev/null; do :; done
printf '%-${recordWidth}s\\n' "ended $status" 1<>"$record"
wait
`;

/** Starts a VMM below a recorder of its own. */
export function spawnRecorded({ record, console, input, given, plumbing, argv }: Recorded): ChildProcess {
  makeRecord(record);
  const positional = [record, console.uid, console.gid, console.program, console.path, consoleBytes, wordsBytes, input];
  const spare = Array.from({ length: 4 - given.length }, () => "ignore" as const);
  const child = spawn("/bin/sh", ["-c", script, "bangerd-root: recorder", ...positional.map(String), ...argv], {
    stdio: [
      "ignore",
      plumbing.console.write,
      plumbing.words.write,
      ...given,
      ...spare,
      plumbing.console.read,
      plumbing.words.read,
      plumbing.words.file,
    ],
    detached: true,
    env: {},
    cwd: "/",
  });
  child.unref();
  return child;
}

function makeRecord(path: string): void {
  try {
    writeFileSync(path, `${"starting".padEnd(recordWidth)}\n`, { mode: 0o600 });
  } catch (cause) {
    if (!["ENOSPC", "EDQUOT"].includes(errnoName(cause))) throw cause;
    throw new BangerError("no_space", `the helper's run directory is full: ${path} can't be written`, { cause });
  }
}

/** What the recorder wrote down; undefined when there is nothing. */
export function readRecord(path: string): VmmRecord | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const [, state, number] = /^(starting|running|ended) ?(\d*)/.exec(text) ?? [];
  if (state === "running") return { state, pid: Number(number) };
  if (state !== "ended") return { state: "starting" };
  return { state, ...endOf(Number(number)), at: statSync(path).mtime.toISOString() };
}

/** Forgets what was written down. */
export function removeRecord(path: string): void {
  rmSync(path, { force: true });
}

/** A shell's `$?`: 128 and more say which of the 64 signals. */
function endOf(code: number): { status: number | null; signal: number | null } {
  const isSignal = code > 128 && code <= 192;
  return { status: isSignal ? null : code, signal: isSignal ? code - 128 : null };
}
