import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { errnoName } from "../../rpc/errno-name.ts";

/** What the recorder wrote down of its VMM. */
export type VmmRecord =
  | { readonly state: "starting" }
  | { readonly state: "running"; readonly pid: number; readonly recorder?: number }
  | {
      readonly state: "ended";
      readonly status: number | null;
      readonly signal: number | null;
      readonly at: string;
      readonly recorder?: number;
      /** The kernel killed it for want of memory, the host's or what its unit may have. */
      readonly outOfMemory: boolean;
    };

/** What a recorder is started with. */
export interface Recorded {
  /** Root's file in which it writes down how the VMM goes. */
  readonly record: string;
  /** Who owns the console's log, and as whom the loggers run. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** The guest's console: the program that keeps its log bounded, and where that is. */
  readonly console: { readonly program: string; readonly path: string };
  /** The program that keeps the VMM's own words. */
  readonly wordsProgram: string;
  /** The FIFO from which the VMM reads what is typed there. It has it open for writing too, so that it never ends. */
  readonly input: string;
  /** What the VMM gets from descriptor 3 on; at most four. */
  readonly given: readonly number[];
  /** What it gets from descriptor 10 on (`vmm-files.ts`): disks of the owner's. */
  readonly volumes: readonly number[];
  /** Ends of pipes, and the file of the VMM's own words. */
  readonly plumbing: {
    readonly console: { readonly read: number; readonly write: number };
    readonly words: { readonly read: number; readonly write: number; readonly file: number };
  };
  readonly argv: readonly string[];
}

/** How a recorder is run. */
export interface RecorderCommand {
  readonly argv: readonly string[];
  /** The descriptors that it is given, each at its place from 0 on; undefined where there is nothing. */
  readonly descriptors: readonly (number | undefined)[];
  /** Where it writes down how its VMM goes. */
  readonly record: string;
}

/** A file of console is begun anew at this size; two are kept. */
const consoleBytes = 512 * 1024;
/** The most that is kept of what a VMM says on its own. */
const wordsBytes = 64 * 1024;
/** As many files as a VMM may have open. */
export const openFiles = 1024;
/** The record is overwritten within the room that it was made with, so a full file system can't lose an end. */
const recordWidth = 31;

/**
 * The recorder: the VMM's parent, root's, and no child of the helper's session, so that it outlives the helper. It never
 * interprets what it is given: all of it comes as positional parameters. It keeps volumes open until its VMM has ended, as a shell
 * can name no descriptor above 9; its loggers, which have them too, are their owner's. Standard output and error of this shell are
 * what the VMM inherits (and no umask: its directory says who reaches its sockets); 7 and 8 are the other ends, 9 the file of the VMM's words, in which a logger that can't be
 * started says so too. Standard input is where systemd takes the VMM's words for the journal, and nothing where systemd has no part in it.
 * Whatever asks it to end (a host that shuts down asks all) it outwaits, its loggers do too: a signal ends a `wait`, not the VMM.
 * Only where its cgroup is this VM's own does that tell of lack of memory.
 */
const script = `
umask 077
ulimit -c 0
ulimit -n ${openFiles}
record=$1 uid=$2 gid=$3 program=$4 log=$5 limit=$6 words=$7 most=$8 input=$9 group='' oom=''
shift 9
as_owner() {
  trap '' TERM INT HUP
  exec /usr/bin/setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
}
ran_out() {
  while IFS=: read -r id _ path; do [ "$id" != 0 ] || group=$path; done </proc/self/cgroup
  case $group in */banger-vm-*.service) ;; *) return 1 ;; esac
  while read -r event count; do
    if [ "$event" = oom_kill ] && [ "$count" -gt 0 ]; then return 0; fi
  done <"/sys/fs/cgroup$group/memory.events"
  return 1
}
{ umask 0; exec "$@"; } <>"$input" 7>&- 8>&- 9>&- &
vmm=$!
printf '%-${recordWidth}s\\n' "running $vmm $$" 1<>"$record"
exec 3>&0 4>&- 5>&- 6>&- </dev/null
as_owner "$program" "$log" "$limit" <&7 >/dev/null 2>&9 3>&- 7>&- 8>&- 9>&- &
as_owner "$words" "$most" <&8 >&9 2>&3 3>&- 7>&- 8>&- 9>&- &
exec >/dev/null 2>&1 3>&- 7>&- 8>&- 9>&-
trap : TERM INT HUP
while wait "$vmm"; status=$?; kill -0 "$vmm" 2>/dev/null; do :; done
if [ "$status" -eq 137 ] && ran_out; then oom=" oom"; fi
printf '%-${recordWidth}s\\n' "ended $status $$$oom" 1<>"$record"
wait
`;

/** What runs a recorder, for whose VMM nothing is written down yet. */
export function recorderCommand(recorded: Recorded): RecorderCommand {
  const { record, owner, console, wordsProgram, input, given, volumes, plumbing, argv } = recorded;
  makeRecord(record);
  const logger = [console.program, console.path, consoleBytes];
  const positional = [record, owner.uid, owner.gid, ...logger, wordsProgram, wordsBytes, input].map(String);
  const spare = Array.from({ length: 4 - given.length }, () => undefined);
  const files = [plumbing.console.read, plumbing.words.read, plumbing.words.file, ...volumes];
  return {
    argv: ["/bin/sh", "-c", script, "bangerd-root: recorder", ...positional, ...argv],
    descriptors: [undefined, plumbing.console.write, plumbing.words.write, ...given, ...spare, ...files],
    record,
  };
}

function makeRecord(path: string): void {
  try {
    writeFileSync(path, `${"starting".padEnd(recordWidth)}\n`, { mode: 0o600 });
  } catch (cause) {
    if (!["ENOSPC", "EDQUOT"].includes(errnoName(cause))) throw cause;
    throw new BangerError("no_space", `the helper's run directory is full: ${path} can't be written`, { cause });
  }
}

/** Which of a shell's numbers are statuses that a VMM of a kind ends with by itself, though they look like signals. */
export type OwnStatuses = readonly [first: number, last: number] | undefined;

/** What the recorder wrote down; undefined when there is nothing. */
export function readRecord(path: string, own?: OwnStatuses): VmmRecord | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const [, state, number, by, oom] = /^(starting|running|ended) ?(\d*) ?(\d*)( oom)?/.exec(text) ?? [];
  // A recorder of an older helper's doesn't say who it is.
  const recorder = by === undefined || by === "" ? {} : { recorder: Number(by) };
  if (state === "running") return { state, pid: Number(number), ...recorder };
  if (state !== "ended") return { state: "starting" };
  const at = statSync(path).mtime.toISOString();
  return { state, ...endOf(Number(number), own), at, ...recorder, outOfMemory: oom !== undefined };
}

/** Forgets what was written down. */
export function removeRecord(path: string): void {
  rmSync(path, { force: true });
}

/** A shell's `$?`: 128 and more say which of the 64 signals. */
function endOf(code: number, own: OwnStatuses): { status: number | null; signal: number | null } {
  const isOwn = own !== undefined && code >= own[0] && code <= own[1];
  const isSignal = code > 128 && code <= 192 && !isOwn;
  return { status: isSignal ? null : code, signal: isSignal ? code - 128 : null };
}
