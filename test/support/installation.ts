import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";
import { type Installation as InstallFile, formatInstallFile } from "../../src/installation/install-file.ts";
import { layoutOf, type Layout } from "../../src/installation/layout.ts";
import { type Ended, Sandbox, type RunOptions } from "./sandbox.ts";

/** A line of a process's log. */
export type LogRecord = Record<string, unknown> & { readonly message: string };

/** What `banger --json` printed. */
export interface Answer extends Ended {
  /** Standard output as JSON. */
  json<T = Record<string, unknown>>(): T;
  /** The error that standard error's last line is. */
  error(): { code: string; message: string; op_id: string; details?: Record<string, unknown> };
}

/** What a test's install file says of an installation whose directories lie below one. */
const installFileOf = (directory: string): InstallFile => ({
  id: "5eed0001",
  ownerUid: 61_000,
  ownerGid: 61_000,
  stateDir: `${directory}/state`,
  runDir: `${directory}/run`,
  helperRunDir: `${directory}/helper`,
  subnet: "10.77.0.0/24",
  uidFirst: 62_000,
  uidCount: 16,
  resolvers: [],
  zone: "vm",
});

/** How an installation is made. */
export interface MakeOptions {
  /** Its state has a kernel and an image. */
  readonly guest?: boolean;
  /** Its state has a file system of its own, of so many MiB. */
  readonly stateMib?: number;
  /** The state's own file system is mounted by this shell script, as root, at $STATE. */
  readonly mountState?: string;
  /** On a host that systemd runs. */
  readonly systemd?: boolean;
  /** Where its directories and its install file are. */
  readonly directory?: string;
}

/** The file in which a state's btrfs is; with its mount goes its loop device. */
const btrfsFile = "/mnt/tmp/btrfs-of-a-state";

/** Mounts a state on a btrfs of so many MiB, whose files may share blocks. */
export const btrfsState = (mib: number) => `
  truncate --size=${mib}M ${btrfsFile}; mkfs.btrfs -q -m single ${btrfsFile}
  mount -o loop,noatime ${btrfsFile} "$STATE"; chown owner:owner "$STATE"; chmod 700 "$STATE"`;

/** A text as one word of a shell's. */
const word = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** A line of a process; one that died in the middle of a record leaves a part of it. */
function recordOf(line: string): LogRecord {
  if (!line.startsWith("{")) return { message: line };
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return { message: line };
  }
}

/** A helper or a daemon that runs in the sandbox. */
export class Process {
  readonly log: LogRecord[] = [];
  readonly ended: Promise<number | null>;
  over = false;
  readonly #sandbox: Sandbox;
  readonly #entering: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor(sandbox: Sandbox, child: ChildProcess) {
    this.#sandbox = sandbox;
    this.#entering = child;
    if (child.stdout === null || child.stderr === null) throw new Error("a process without output");
    const take = (line: string) => {
      this.log.push(recordOf(line));
      for (const wake of this.#waiting) wake();
    };
    createInterface({ input: child.stdout }).on("line", take);
    createInterface({ input: child.stderr }).on("line", take);
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => {
        this.over = true;
        resolve(code);
        for (const wake of this.#waiting) wake();
      });
    });
  }

  /** The first record, now or later, that fits. */
  async logged(fits: (record: LogRecord) => boolean, after = 0): Promise<LogRecord> {
    for (;;) {
      const found = this.log.slice(after).find(fits);
      if (found !== undefined) return found;
      if (this.over) throw new Error(`the process ended without that line: ${JSON.stringify(this.log.slice(-5))}`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** Its pid in the sandbox, as its own log says. */
  get pid(): number {
    return Number(this.log.find((record) => record["pid"] !== undefined)?.["pid"]);
  }

  /** Stops it, so that it answers nothing. */
  async stop(): Promise<void> {
    await this.#sandbox.root(`kill -STOP ${this.pid}`);
  }

  /** Lets it go on. `nsenter`, which stopped with it, passes that on. */
  goOn(): void {
    this.#entering.kill("SIGCONT");
  }

  /** Sends a signal and waits for the end. */
  async end(signal: "TERM" | "KILL" = "TERM"): Promise<void> {
    await this.#sandbox.root(`kill -${signal} ${this.pid}`);
    await this.ended;
  }
}

/** Loop devices are the whole host's: those of a file on the sandbox's own file systems, which the checkout's isn't. */
const ownLoops = `
  own=$(awk '$5 ~ "^/mnt" { print $3 }' /proc/self/mountinfo | grep -vx "$(mountpoint -d /mnt/banger)" | tr '\\n' ' ')
  losetup --noheadings --output BACK-MAJ:MIN,NAME,BACK-FILE | awk -v own=" $own" 'index(own, " " $1 " ")'`;

/** What the processes log of their own mistakes. */
const bugMessages = new Set(["answered a code that the declaration lacks", "a failure that nobody waited for"]);

/** A whole installation of banger in a sandbox of its own. */
export class Installation implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly layout: Layout;
  readonly file: InstallFile;
  /** The install file's path. */
  readonly config: string;
  helper: Process | undefined;
  daemon: Process | undefined;

  readonly #directory: string;

  private constructor(sandbox: Sandbox, directory: string) {
    this.sandbox = sandbox;
    this.#directory = directory;
    this.file = installFileOf(directory);
    this.layout = layoutOf(this.file);
    this.config = `${directory}/install.toml`;
  }

  /** Makes an installation. */
  static async create({
    guest = false,
    stateMib,
    mountState = stateMib === undefined
      ? ":"
      : `mount -t tmpfs -o size=${stateMib}M,mode=700,uid=61000,gid=61000 state "$STATE"`,
    systemd = false,
    directory = "/mnt/tmp/installation",
  }: MakeOptions = {}): Promise<Installation> {
    const installation = new Installation(await (systemd ? Sandbox.boot() : Sandbox.start()), directory);
    const { file, config } = installation;
    const state = word(file.stateDir);
    await installation.sandbox.root(`
      mkdir -p ${word(directory)}
      install -d -m 700 -o owner -g owner ${state} ${word(file.runDir)}
      (STATE=${state}; ${mountState})
      cat > ${word(config)} <<'TOML'
${formatInstallFile(file)}
TOML`);
    if (guest) {
      const made = execFileSync("scripts/guest-state", {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
      const inside = made.replace(process.cwd(), "/mnt/banger");
      // The large files are shared with other tests and can't be written; the records are this one's own.
      await installation.sandbox.root(`
        cp -a ${inside}/banger.db ${state}/
        for part in images kernels; do
          mkdir ${state}/$part
          mount --bind ${inside}/$part ${state}/$part
          mount -o remount,bind,ro ${state}/$part
        done`);
    }
    return installation;
  }

  /** An installation whose helper and daemon run. */
  static async start(options: MakeOptions & { env?: Record<string, string> } = {}): Promise<Installation> {
    const installation = await Installation.create(options);
    await installation.startHelper();
    await installation.startDaemon(options.env);
    return installation;
  }

  async startHelper({ umask = "022", program = "bangerd-root" } = {}): Promise<Process> {
    const argv = ["sh", "-c", 'umask "$1"; exec "$2" --config "$3"', "sh", umask, program, this.config];
    const child = this.sandbox.spawn(argv, { as: "root" });
    this.helper = new Process(this.sandbox, child);
    await this.helper.logged((record) => record.message === "helper ready");
    return this.helper;
  }

  /** Starts the daemon, or a program of the tests' that starts one with faults in it. */
  async startDaemon(
    env: Readonly<Record<string, string>> = {},
    argv: readonly string[] = ["bangerd"],
  ): Promise<Process> {
    const child = this.sandbox.spawn(argv, { env: { BANGER_CONFIG: this.config, ...env } });
    this.daemon = new Process(this.sandbox, child);
    await this.daemon.logged((record) => record.message === "daemon ready");
    // Where there is a helper, the daemon asks it at once what the kernel holds; a test begins when that is over.
    if (this.helper?.over === false) await this.daemon.logged((record) => record.message === "reconcile completed");
    return this.daemon;
  }

  /** Runs `banger` as the owner, with --json. */
  async banger(argv: readonly string[], options: RunOptions = {}): Promise<Answer> {
    const ended = await this.sandbox.run(["banger", ...withJson(argv)], this.#cli(options));
    return {
      ...ended,
      json: <T>() => JSON.parse(ended.stdout) as T,
      error: () => {
        const line = ended.stderr.trim().split("\n").at(-1) ?? "";
        return (JSON.parse(line) as { error: ReturnType<Answer["error"]> }).error;
      },
    };
  }

  /** Runs `banger` as the owner and a person would. */
  person(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.sandbox.run(["banger", ...argv], this.#cli(options));
  }

  /** Starts `banger` as the owner. */
  spawnBanger(argv: readonly string[]): ChildProcess {
    return this.sandbox.spawn(["banger", ...argv], this.#cli({}));
  }

  /** Runs a command that must succeed. */
  async ok<T = Record<string, unknown>>(...argv: string[]): Promise<T> {
    const answer = await this.banger(argv);
    if (answer.code !== 0) throw new Error(`banger ${argv.join(" ")}: exit ${answer.code}: ${answer.stderr}`);
    return answer.json<T>();
  }

  /** The spans of an operation, as the daemon keeps them. */
  async spansOf(operation: string): Promise<SpanRecord[]> {
    // Nobody but the daemon may open its database while it runs.
    const script = `
      const { cpSync, existsSync, mkdtempSync } = require("node:fs");
      const copy = mkdtempSync("/mnt/tmp/database-") + "/";
      for (const end of ["", "-wal"]) if (existsSync(process.argv[1] + end)) cpSync(process.argv[1] + end, copy + "banger.db" + end);
      const { DatabaseSync } = require("node:sqlite");
      const db = new DatabaseSync(copy + "banger.db");
      console.log(JSON.stringify(db.prepare("SELECT record FROM spans WHERE trace_id = ? ORDER BY seq").all(process.argv[2]).map((r) => JSON.parse(r.record))));`;
    await this.banger(["trace", "ls"]);
    const { stdout } = await this.sandbox.run(["node", "-e", script, this.layout.database, operation.slice(3)]);
    return JSON.parse(stdout) as SpanRecord[];
  }

  /** The op_id of the last operation. */
  async lastOperation(): Promise<string> {
    const { operations } = await this.ok<{ operations: { op_id: string }[] }>("trace", "ls", "--limit", "1");
    return operations[0]?.op_id ?? "";
  }

  /** Everything that banger could leave on this host: the kernel's whole state, not names with a prefix. A console's log stays on purpose, and since when VMs run. */
  hostState(): Promise<string> {
    return this.sandbox.root(`
      ip -oneline address | awk '{ print $2, $3, $4 }'
      ip -oneline link | awk '{ print $2 }'
      ip neighbour show nud permanent
      nft list ruleset
      cat /proc/sys/net/ipv4/ip_forward
      cut -d' ' -f1,2 /proc/mounts | grep -v ' /usr/bin/qemu-system-x86_64$'
      if [ -e /sys/class/misc/device-mapper ]; then dmsetup info --columns --noheadings -o name,uuid; fi
      ${ownLoops} | grep --fixed-strings --invert-match ${btrfsFile} || true
      processes=$(ps -eo stat=,uid=,comm=)
      echo "$processes" | awk '$1 !~ /^Z/ && $3 != "ps" && $3 != "bash" { print $2, $3 }' | sort
      find ${word(this.#directory)} -not -name 'banger.db*' -not -name 'console.log*' -not -name 'bangerd.lock*' -not -name 'run-times.json*' -not -path '*/logs' -not -path '*/logs/*' | sort`);
  }

  /** From now on, what is started as QEMU in this sandbox is this shell script. */
  async replaceQemu(script: string): Promise<void> {
    await this.sandbox.root(`
      cat > /mnt/qemu <<'SH'
#!/bin/sh
${script}
SH
      chmod 755 /mnt/qemu; mount --bind /mnt/qemu /usr/bin/qemu-system-x86_64`);
  }

  /** Waits until what was started as QEMU has stopped itself. */
  async qemuStopped(): Promise<void> {
    await this.sandbox.root("until pgrep --runstates T -x qemu-system-x86 >/dev/null; do :; done");
  }

  /** Ends everything; a bug that a daemon or a helper wrote down fails the test. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox[Symbol.asyncDispose]();
    const bugs = [this.daemon, this.helper]
      .flatMap((process) => process?.log ?? [])
      .filter((record) => bugMessages.has(record.message));
    if (bugs.length > 0) throw new Error(JSON.stringify(bugs));
  }

  #cli({ as = "owner", env = {}, input }: RunOptions): RunOptions {
    return {
      as,
      env: { BANGER_CONFIG: this.config, ...env },
      ...(input === undefined ? {} : { input }),
    };
  }
}

/** `--json` before what belongs to a command in the guest. */
function withJson(argv: readonly string[]): string[] {
  return [...argv.slice(0, 2), "--json", ...argv.slice(2)];
}
