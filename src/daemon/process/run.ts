import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { basename } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { lackOfMemory } from "../../rpc/host-trouble.ts";
import { printableLine } from "../../rpc/printable.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";
import { childEnv } from "./child-env.ts";

/** A program to run, without a shell. */
export interface Command {
  /** The program's name or absolute path. */
  readonly file: string;
  readonly args: readonly string[];
  /** The path that it works on, for its span; by default what it reads as input, or writes as output. */
  readonly on?: string;
  /** The command line that it is run by, which puts it into a namespace, say. */
  readonly within?: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A file that is its standard input; nothing by default. */
  readonly stdinFrom?: string;
  /** A file that its standard output goes to. */
  readonly stdoutTo?: string;
  /** Reads its standard output as it comes; where that fails the program is ended, and that is the failure. */
  readonly readStdout?: (chunks: AsyncIterable<Buffer>) => Promise<void>;
  /** Called with each line of its standard error. */
  readonly onLine?: (line: string) => void;
  /** Exit codes beside 0 that are no failure. */
  readonly alsoWell?: readonly number[];
  readonly signal?: AbortSignal;
  /** It needs a user namespace, whose making the daemon's own unit forbids: it is run in one of its own where systemd offers that. */
  readonly ownUnit?: true;
}

/** How a command gets a unit of its own (host/own-unit.c). */
export interface OwnUnits {
  /** The program that has a command run there. */
  readonly program: string;
  /** Where systemd listens for it, if it does. */
  readonly socket: string;
}

/** Runs a program as the owner, in a span. */
export type Run = (command: Command) => Promise<{ stdout: string }>;

/** The last so many bytes of each output are kept. */
const keptBytes = 64 * 1024;
/** What programs say of a full disk; tar has words of its own. */
const fullDisk = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/;
/** What they say of a host that fails otherwise. */
const hostFailed = /Read-only file system|Too many open files|Resource temporarily unavailable|Input\/output error/;
/** How own-unit ends where the program that it was to run is not there (host/own-unit.c). */
const missingThere = 121;
/** How long a program has to end after SIGTERM. */
const killAfterMs = 2_000;

/** The Debian packages of the programs that the daemon runs. */
const packages: Record<string, string> = {
  "apt-cache": "apt",
  "apt-get": "apt",
  "dpkg-deb": "dpkg",
  bzip2: "bzip2",
  debugfs: "e2fsprogs",
  e2fsck: "e2fsprogs",
  depmod: "kmod",
  fakechroot: "fakechroot",
  fakeroot: "fakeroot",
  gzip: "gzip",
  lz4: "lz4",
  mke2fs: "e2fsprogs",
  mmdebstrap: "mmdebstrap",
  "qemu-img": "qemu-utils",
  resize2fs: "e2fsprogs",
  tar: "tar",
  unshare: "util-linux",
  xz: "xz-utils",
  zstd: "zstd",
};

/** The programs that the daemon runs, some of them only for what not everybody has. */
export const programsOfTheDaemon: readonly string[] = Object.keys(packages);

/** The Debian package of a program. */
export function packageOf(program: string): string | undefined {
  return packages[program];
}

/** Where programs are looked for: a user's own path lacks what only root used to run. */
export function searchPath(env: NodeJS.ProcessEnv): string {
  return `${env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
}

/** Makes the runner of the daemon's external programs. */
export function createRunner({ spans, ownUnits }: { readonly spans: Spans; readonly ownUnits?: OwnUnits }): Run {
  return (command) => {
    const name = basename(command.file);
    const on = command.on ?? command.stdinFrom ?? command.stdoutTo;
    const attributes = { [attribute.executable]: name, ...(on === undefined ? {} : { [attribute.file]: on }) };
    return spans.span(`exec ${name}`, { attributes }, async (span) => {
      const outside = command.ownUnit === true ? askFor(ownUnits) : [];
      const ended = await runToEnd(command, outside);
      if (ended.code === missingThere && outside.length > 0) throw missing(command.within?.[0] ?? command.file);
      if (ended.code !== null) span.setAttribute(attribute.exitCode, ended.code);
      command.signal?.throwIfAborted();
      if (ended.unread !== undefined) throw ended.unread.cause;
      if (ended.code === null || (ended.code !== 0 && command.alsoWell?.includes(ended.code) !== true)) {
        const how = ended.code === null ? killedBy(ended.signal) : `exited with ${ended.code}`;
        const lastLine = printableLine(ended.stderr.trimEnd().split("\n").at(-1) ?? "");
        const code = ended.signal === "SIGKILL" ? "host_failed" : codeOf(ended.stderr);
        throw new BangerError(code, `${name} ${how}${lastLine === "" ? "" : `: ${lastLine}`}`, {
          details: { stderr: ended.stderr.slice(-4_000) },
        });
      }
      return { stdout: ended.stdout };
    });
  };
}

/** Nobody else kills a program so: what it read is not to blame. */
function killedBy(signal: NodeJS.Signals | null): string {
  return `was killed by ${signal}${signal === "SIGKILL" ? ", as the kernel does where memory runs out" : ""}`;
}

/** Which error of the table a program's own words tell of. */
function codeOf(words: string): "no_space" | "host_failed" | "command_failed" {
  if (fullDisk.test(words)) return "no_space";
  return hostFailed.test(words) || lackOfMemory.test(words) ? "host_failed" : "command_failed";
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why its standard output was not read to the end. */
  readonly unread: { readonly cause: unknown } | undefined;
}

/** What goes before a command that is run in a unit of its own. */
function askFor(units: OwnUnits | undefined): string[] {
  return units !== undefined && existsSync(units.socket) ? [units.program, "ask", units.socket] : [];
}

async function runToEnd(command: Command, outside: readonly string[]): Promise<Ended> {
  const opened: number[] = [];
  const open = (path: string | undefined, flags: string) => {
    if (path === undefined) return undefined;
    const fd = openSync(path, flags, 0o600);
    opened.push(fd);
    return fd;
  };
  try {
    const [file = "", ...args] = [...outside, ...(command.within ?? []), command.file, ...command.args];
    const env = childEnv(command.env ?? process.env);
    const child = spawn(file, args, {
      cwd: command.cwd,
      // The programs' answers are read: they speak English, whatever the owner speaks.
      // Those of the system's administration are not in every user's PATH.
      env: { ...env, LC_ALL: "C.UTF-8", PATH: searchPath(env) },
      stdio: [open(command.stdinFrom, "r") ?? "ignore", open(command.stdoutTo, "w") ?? "pipe", "pipe"],
      // A process group of its own, so that what it starts ends with it.
      detached: true,
    });
    return await follow(child, command, basename(file));
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function follow(child: ChildProcess, command: Command, name: string): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  /** A line whose end hasn't come. */
  let begun = "";
  const tell = (line: string) => {
    if (line.trim() !== "") command.onLine?.(line.trim().slice(0, 200));
  };
  let unread: Ended["unread"];
  const { stdout: output } = child;
  const reading = output === null ? undefined : command.readStdout?.(output as AsyncIterable<Buffer>);
  const read = reading?.catch((cause: unknown) => {
    unread = { cause };
    output?.destroy();
    end();
  });
  if (reading === undefined) {
    output?.setEncoding("utf8").on("data", (text: string) => {
      stdout = (stdout + text).slice(-keptBytes);
    });
  }
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-keptBytes);
    const lines = (begun + text).split("\n");
    begun = (lines.pop() ?? "").slice(-keptBytes);
    lines.forEach(tell);
  });
  let hard: NodeJS.Timeout | undefined;
  const end = () => {
    signalGroup(child, "SIGTERM");
    hard ??= setTimeout(() => signalGroup(child, "SIGKILL"), killAfterMs);
  };
  // What it leaves behind ends with it: util-linux's unshare, refused a namespace, forgets a child that waits for ever.
  child.once("exit", end);
  if (command.signal?.aborted) end();
  command.signal?.addEventListener("abort", end, { once: true });
  return new Promise<Ended>((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") return reject(cause);
      return reject(missing(name, cause));
    });
    child.once("close", (code, signal) => {
      tell(begun);
      void Promise.resolve(read).then(() => resolve({ code, signal, stdout, stderr, unread }));
    });
  }).finally(() => {
    clearTimeout(hard);
    command.signal?.removeEventListener("abort", end);
  });
}

function missing(name: string, cause?: Error): BangerError {
  const owner = packageOf(name);
  const next = owner === undefined ? "" : `; Debian has it in the package ${owner}`;
  return new BangerError("missing_tool", `${name} is not installed${next}`, cause === undefined ? {} : { cause });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // Nobody is left, or only a set-uid helper that is about to end.
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}
