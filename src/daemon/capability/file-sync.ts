import { BangerError } from "../../rpc/contract/errors.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { Logger } from "../../telemetry/log.ts";
import { attribute } from "../../telemetry/names.ts";
import { type FileSyncEntry, fileSyncText } from "../config/file-sync.ts";
import type { ReadConfig, UserConfig } from "../config/user-config.ts";
import type { AgentLink } from "../guest/agent-link.ts";
import { LeftOut } from "../home/left-out.ts";
import { mostBytes, mostFiles, packHome } from "../home/pack-home.ts";
import { placingCommand } from "../vm/place-files.ts";
import type { RunningVms } from "../vm/running.ts";
import type { Capability } from "./capability.ts";

/** What copying the owner's files needs. */
export interface FileSyncDeps {
  readonly config: Pick<UserConfig, "read">;
  /** The owner's home; undefined where passwd has none. */
  readonly home: string | undefined;
  /** Where banger has keys of its own in it, which are no guest's. */
  readonly keys?: string | undefined;
  readonly running: Pick<RunningVms, "get">;
  readonly log: Logger;
  /** A guest has so long. */
  readonly timeoutMs?: number;
}

/** What of the owner's home goes into guests, as the config file says now. What goes wrong with it fails no start: it is told. */
export function fileSync({ config, home, keys, running, log, timeoutMs = 60_000 }: FileSyncDeps): Capability {
  return {
    name: "file_sync",
    postStartWanted: () => readEntries(config).length > 0,
    postStart: async ({ vm, warn }, signal) => {
      const tell = (message: string, hint: string) => {
        log.warn({ [attribute.vmId]: vm.id, code: "file_sync" }, message);
        warn({ code: "file_sync", message, hint } satisfies Warning);
      };
      const read = readConfig(config);
      if (read instanceof BangerError) {
        return tell(`file_sync: nothing was copied: ${read.plain}`, "Correct the file, then start the VM again.");
      }
      const where = `${read.path}:${read.lines.get("file_sync")}: file_sync`;
      const agent = running.get(vm.id)?.agent;
      if (agent === undefined) return tell(`${where}: nothing was copied: the guest can't be reached`, again);
      if (home === undefined) return tell(`${where}: nothing was copied: passwd has no home for the owner`, again);
      const room = { bytes: mostBytes, files: mostFiles };
      for (const [user, entries] of byUser(read.values.file_sync ?? [])) {
        const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
        const left = entries.map(() => new LeftOut());
        const archive = packHome({ home, keys, entries: entries.map(toPack), left, room });
        const trouble = await send(agent, user, entries, archive, over).catch((error: unknown) =>
          failure(error, timeoutMs),
        );
        // Who asked for the start has left.
        signal.throwIfAborted();
        if (typeof trouble === "string") {
          const whose = user === undefined ? "" : ` of ${user}`;
          tell(`${where}: what was to be copied${whose} was not: ${trouble}`, again);
        } else
          for (const index of trouble)
            tell(`${where}: ${placeOf(entries[index])} in the guest is taken or can't be written`, itsPlace);
        for (const [index, one] of left.entries()) {
          const text = one.text();
          if (text !== "") tell(`${where}: ${nameOf(entries[index])}: left out: ${text}`, one.hint());
        }
      }
    },
    cleanup: { none: "it is the guest's" },
  };
}

const again = "Start the VM again when that is put right, or copy it with `banger vm cp`.";
const itsPlace = 'Look what is there in the guest, or name another place: { path = "…", to = "…" }.';

/** An entry by its source, and what becomes of it in the guest. */
function placeOf(entry: FileSyncEntry | undefined): string {
  return entry === undefined ? "" : `${entry.path}: its place ${guestPath(entry)}`;
}

function nameOf(entry: FileSyncEntry | undefined): string {
  return entry === undefined ? "" : fileSyncText(entry);
}

function guestPath({ to, user }: FileSyncEntry): string {
  if (to.startsWith("/")) return to;
  return user === undefined ? `/root/${to}` : `~${user}/${to}`;
}

/** What the file says; nothing, but to be told, where it can't be taken at its word. */
function readEntries(config: FileSyncDeps["config"]): readonly unknown[] {
  const read = readConfig(config);
  return read instanceof BangerError ? [read] : (read.values.file_sync ?? []);
}

function readConfig(config: FileSyncDeps["config"]): ReadConfig | BangerError {
  try {
    return config.read();
  } catch (error) {
    if (error instanceof BangerError) return error;
    throw error;
  }
}

/** Entries by the guest's user: each user's are copied by one command of that user's. */
function byUser(entries: readonly FileSyncEntry[]): Map<string | undefined, FileSyncEntry[]> {
  return Map.groupBy(entries, ({ user }) => user);
}

/** The file that lets banger's own ssh in is the guest's root's. */
function toPack({ path, to, user }: FileSyncEntry) {
  const isOurs = (place: string) => user === undefined && place.replace(/^\/root\//, "") === ".ssh/authorized_keys";
  return { path, to, isOurs };
}

/** The most that is kept of what the guest says. */
const mostWords = 4_096;

/** Sends an archive; returns why nothing was copied, or the numbers of those that weren't placed. */
async function send(
  agent: Pick<AgentLink, "exec">,
  user: string | undefined,
  entries: readonly FileSyncEntry[],
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<string | number[]> {
  const said = { out: "", err: "" };
  const keep = (stream: keyof typeof said) => (bytes: Uint8Array) => {
    said[stream] = `${said[stream]}${Buffer.from(bytes).toString("latin1")}`.slice(-mostWords);
  };
  const { exitCode, signal: killedBy } = await agent.exec({
    argv: placingCommand(entries.map(({ to }) => to)),
    env: ["LC_ALL=C"],
    ...(user === undefined ? {} : { user }),
    stdin: archive,
    onStdout: keep("out"),
    onStderr: keep("err"),
    signal,
  });
  if (exitCode === 0)
    return said.out
      .split("\n")
      .filter((line) => /^\d{1,2}$/.test(line))
      .map(Number);
  // What the guest's programs say has names of files in it: no more than this of it is told.
  if (/: No space left on device$/m.test(said.err)) return "the guest's disk is full";
  if (exitCode === 127) return "the guest has no tar";
  if (exitCode === 73) return "the user's home in the guest can't be written";
  return `the guest could not unpack it (${exitCode === null ? `signal ${killedBy}` : `exit ${exitCode}`})`;
}

function failure(error: unknown, timeoutMs: number): string {
  if (error instanceof BangerError) return error.plain;
  if (error instanceof Error && error.name === "TimeoutError")
    return `the guest took longer than ${timeoutMs / 1000} s`;
  throw error;
}
