import { expect } from "vitest";
import { fakeKernel } from "./fake-kernel.ts";
import { type Answer, Installation, type MakeOptions } from "./installation.ts";

/** The operations that each fault is tried at, in this order, and how each is undone where it succeeds. */
const operations = {
  create: { argv: ["vm", "create", "--name", "new"], undo: ["vm", "delete", "new"] },
  start: { argv: ["vm", "start", "cold"], undo: ["vm", "kill", "cold"] },
  exec: { argv: ["vm", "exec", "warm", "--", "true"], undo: undefined },
  import: {
    argv: ["kernel", "import", "/mnt/tmp/kernel/vmlinux", "--modules", "/mnt/tmp/kernel/modules", "--name", "new"],
    undo: ["kernel", "rm", "new"],
  },
  trace: { argv: ["trace", "ls"], undo: undefined },
} as const;

/** What each answers; one without an answer isn't asked. */
export type Codes = Record<keyof typeof operations, string | undefined>;

/** What a host that doesn't trouble these operations lets them say. */
export const unharmed: Codes = { create: "ok", start: "ok", exec: "ok", import: "ok", trace: "ok" };
/** What they say on a host that has no room, or refuses what they ask for. */
export const full: Codes = { ...unharmed, create: "no_space", start: "no_space", import: "no_space" };
export const failed: Codes = { ...unharmed, create: "host_failed", start: "host_failed", import: "host_failed" };

/** Each row asks a dozen times, and boots a guest without KVM: a loaded machine of two CPUs takes minutes. */
export const rowMs = 300_000;

/** As in bangerd.service. */
const watchdogMs = 30_000;

/** Something that a host does to banger: shell scripts as root, in which $STATE is the state directory and $PID the daemon. */
export interface Fault {
  readonly make: string;
  readonly mend: string;
  readonly codes: Codes;
  /** What every refusal's words hold. */
  readonly says?: RegExp;
  /** A new daemon is started once the fault is over, or in the place of one that died of it: it may find something half made. */
  readonly restart?: true;
}

/** A script that gives the sandbox an /etc of its own, which can be changed. */
export const ownEtc = "cp -a /etc /mnt/etc; mount --bind /mnt/etc /etc";

/** Sets a soft limit of the daemon's, as the owner may. */
export const limit = (value: string) =>
  `setpriv --reuid=61000 --regid=61000 --clear-groups prlimit --${value}: --pid $PID`;

/** An installation with a VM that runs, `warm`, and one that doesn't, `cold`, on a host that will fail. */
export class FailingHost implements AsyncDisposable {
  readonly host: Installation;

  private constructor(host: Installation) {
    this.host = host;
  }

  /** Makes one; `prepare` is run as root before helper and daemon are started. */
  static async create(options: MakeOptions & { readonly prepare?: string } = {}): Promise<FailingHost> {
    const { prepare, ...made } = options;
    const host = await Installation.create({ guest: true, ...made });
    const state = host.file.stateDir;
    // The shared kernels are read-only; this test's own lie beside them, on the state's own file system.
    await host.sandbox.root(`
      umount ${state}/kernels; shopt -s nullglob
      for kernel in /mnt/banger/.cache/guest-state/*/kernels/*; do
        install -d -o owner -g owner ${state}/kernels ${state}/kernels/\${kernel##*/}
        cp -a $kernel/. ${state}/kernels/\${kernel##*/}/
      done
      mkdir -p /mnt/tmp/kernel/modules; cd /mnt/tmp/kernel
      echo ${fakeKernel().toString("base64")} | base64 -d > vmlinux; touch modules/modules.dep
      for module in virtio_pci virtio_blk virtio_net virtio_console virtio_rng ext4; do echo kernel/$module.ko; done > modules/modules.builtin
      chmod -R a+rX .`);
    if (prepare !== undefined) await host.sandbox.root(prepare);
    await host.startHelper();
    const failing = new FailingHost(host);
    await host.startDaemon();
    await host.ok("vm", "create", "--name", "warm");
    await host.ok("vm", "create", "--name", "cold");
    await host.ok("vm", "start", "warm");
    await quieten(host);
    // What is made once, where things are imported, is there from now on.
    await host.ok(...operations.import.argv);
    await host.ok(...operations.import.undo);
    return failing;
  }

  /** Runs a script of a fault's. */
  inPlace(script: string): Promise<string> {
    return this.host.sandbox.root(`STATE=${this.host.file.stateDir} PID=${this.host.daemon?.pid}; ${script}`);
  }

  /** Every operation answers as the fault says, and once it is over all is as before and goes on. */
  async suffers(fault: Fault): Promise<void> {
    const before = await this.#quietFacts();
    await this.inPlace(fault.make);
    const answers: Record<string, unknown> = {};
    const words: string[] = [];
    try {
      for (const [name, { argv, undo }] of Object.entries(operations)) {
        if (fault.codes[name as keyof Codes] === undefined) continue;
        const answer = await this.#watched(argv, fault);
        answers[name] = answer.code === 0 ? "ok" : answer.error().code;
        if (answer.code !== 0) words.push(answer.error().message);
        else if (undo !== undefined && fault.restart === undefined) await this.host.ok(...undo);
      }
    } finally {
      await this.inPlace(fault.mend);
      if (fault.restart === true) await this.#restart();
    }
    const asked = Object.fromEntries(Object.entries(fault.codes).filter(([, code]) => code !== undefined));
    expect({ answers, words }).toEqual({ answers: asked, words });
    for (const text of words) expect(text).toMatch(fault.says ?? /^$/);
    // What was asked last may be on its way out.
    await expect.poll(() => this.#facts(), { timeout: 60_000, interval: 500 }).toEqual(before);
    for (const { argv, undo } of [operations.create, operations.import]) {
      await this.host.ok(...argv);
      await this.host.ok(...undo);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
  }

  /** Runs a command; a daemon that may die of the fault, and hangs instead, is ended as systemd's watchdog would end it. */
  async #watched(argv: readonly string[], { restart }: Fault): Promise<Answer> {
    const end = () => void this.host.daemon?.end("KILL").catch(() => undefined);
    const watchdog = restart === true ? setTimeout(end, watchdogMs) : undefined;
    try {
      return await this.host.banger(argv);
    } finally {
      clearTimeout(watchdog);
    }
  }

  /**
   * A new daemon in the place of the one that may have died of the fault: to look into a directory takes a descriptor,
   * say, and what could not be removed is removed when a daemon starts. What was done, though its answer was lost or
   * its undoing would have met the fault, is undone now.
   */
  async #restart(): Promise<void> {
    const end = (signal: "TERM" | "KILL") => void this.host.daemon?.end(signal).catch(() => undefined);
    const watchdog = setTimeout(() => end("KILL"), watchdogMs);
    end("TERM");
    await this.host.daemon?.ended;
    clearTimeout(watchdog);
    await this.host.startDaemon();
    for (const { undo } of Object.values(operations)) if (undo !== undefined) await this.host.banger(undo);
  }

  /** What there is once it no longer changes: a daemon that starts runs programs beside its work. */
  async #quietFacts(): Promise<unknown> {
    for (let before = JSON.stringify(await this.#facts()); ; ) {
      const now = await this.#facts();
      if (JSON.stringify(now) === before) return now;
      before = JSON.stringify(now);
    }
  }

  async #facts(): Promise<unknown> {
    const { vms } = await this.host.ok<{ vms: { name: string; state: string }[] }>("vm", "ls");
    // Scratch that could not be removed is removed when a daemon starts (test/host/image.test.ts).
    const files = `cd ${this.host.file.stateDir}; find vms kernels -not -name 'console.log*' | sort`;
    return {
      files: await this.host.sandbox.root(files),
      host: await this.host.hostState(),
      vms: vms.map(({ name, state }) => [name, state === "created" ? "stopped" : state]),
    };
  }
}

/** Has the guest write nothing any more, by itself neither: on a disk without room it would stand still, whatever is asked. */
async function quieten(host: Installation): Promise<void> {
  const readOnly = "sync; echo u > /proc/sysrq-trigger; until grep -q '^[^ ]* / [^ ]* ro[, ]' /proc/mounts; do :; done";
  await host.ok("vm", "exec", "warm", "--", "sh", "-c", readOnly);
}
