import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fakeKernel } from "../support/fake-kernel.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

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
type Codes = Record<keyof typeof operations, string | undefined>;

/** The answers to what is asked. */
const asked = (codes: Codes) => Object.fromEntries(Object.entries(codes).filter(([, code]) => code !== undefined));

/** Sets a soft limit of the daemon, as the owner may. */
const limit = (value: string) => `setpriv --reuid=61000 --regid=61000 --clear-groups prlimit --${value}: --pid $PID`;

/** What a host that has nothing left says at each operation. */
const full: Codes = { create: "no_space", start: "no_space", exec: "ok", import: "no_space", trace: "ok" };
const failed: Codes = { create: "host_failed", start: "host_failed", exec: "ok", import: "host_failed", trace: "ok" };

describe.skipIf(noSandbox)(`a host that fails${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let state: string;
  let pid: number;

  beforeAll(async () => {
    host = await Installation.create({ guest: true, stateMib: 256 });
    state = host.file.stateDir;
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
    await host.startHelper();
    await host.startDaemon();
    await host.ok("vm", "create", "--name", "warm");
    await host.ok("vm", "create", "--name", "cold");
    await host.ok("vm", "start", "warm");
    pid = host.daemon?.pid ?? 0;
  }, 60_000);
  afterAll(() => host[Symbol.asyncDispose]());

  const readOnly = (name: string) => `mount --bind ${name} ${name}; mount -o remount,bind,ro ${name}`;
  const codeOf = async (argv: readonly string[]) => {
    const answer = await host.banger(argv);
    return answer.code === 0 ? "ok" : answer.error();
  };
  // Scratch that could not be removed is removed when a daemon starts (test/host/image.test.ts).
  const files = () => host.sandbox.root(`cd ${state}; find vms kernels -not -name 'console.log*' | sort`);

  it.each<[string, { make: string; mend: string; codes: Codes; says: RegExp; restart?: true }]>([
    [
      "full state directory",
      {
        make: "head -c 300M /dev/zero > $STATE/fill 2>/dev/null || true",
        mend: "rm $STATE/fill",
        codes: full,
        says: /full|No space left/,
      },
    ],
    [
      "state directory without an inode left",
      {
        make: "mount -o remount,nr_inodes=$(df --output=iused $STATE | tail -1 | tr -d ' ') $STATE",
        mend: "mount -o remount,nr_inodes=100000 $STATE",
        codes: full,
        says: /full|No space left/,
      },
    ],
    [
      "state directory that became read-only",
      {
        make: `for part in vms kernels scratch; do ${readOnly("$STATE/$part")}; done`,
        mend: "for part in vms kernels scratch; do umount $STATE/$part; done",
        codes: failed,
        says: /mounted read-only; mount it writable/,
      },
    ],
    [
      "state directory whose modes were changed",
      {
        make: "chmod 500 $STATE/vms $STATE/vms/* $STATE/kernels $STATE/scratch",
        mend: "chmod 700 $STATE/vms $STATE/vms/* $STATE/kernels $STATE/scratch",
        codes: failed,
        says: /permission is denied|may not/,
      },
    ],
    [
      "daemon without a descriptor left but its caller's",
      {
        make: `n=0; while [ -e /proc/$PID/fd/$n ]; do n=$((n + 1)); done; ${limit("nofile=$((n + 1))")}`,
        mend: limit("nofile=1024"),
        codes: failed,
        says: /no descriptor left; raise its limit/,
        restart: true,
      },
    ],
    [
      "owner who may start no process",
      {
        make: limit("nproc=0"),
        mend: limit("nproc=1024"),
        codes: { ...failed, start: undefined, import: "ok" },
        says: /limit of processes is reached; end some/,
      },
    ],
    [
      "limit of a file's size",
      {
        make: limit("fsize=1024"),
        mend: limit("fsize=unlimited"),
        codes: failed,
        says: /limit of a file's size/,
      },
    ],
  ])("with a %s says so at each operation, leaves nothing, and goes on when that is over", async (_, fault) => {
    const inPlace = (script: string) => host.sandbox.root(`STATE=${state} PID=${pid}; ${script}`);
    const vms = async () =>
      (await host.ok<{ vms: { name: string; state: string }[] }>("vm", "ls")).vms.map(({ name, state: now }) => [
        name,
        now,
      ]);
    const before = { files: await files(), host: await host.hostState(), vms: await vms() };
    await inPlace(fault.make);
    const answers: Record<string, unknown> = {};
    const words: string[] = [];
    for (const [name, { argv, undo }] of Object.entries(operations)) {
      if (fault.codes[name as keyof Codes] === undefined) continue;
      const answer = await codeOf(argv);
      answers[name] = answer === "ok" ? answer : (answer as { code: string }).code;
      if (answer !== "ok") words.push((answer as { message: string }).message);
      if (answer === "ok" && undo !== undefined) await host.ok(...undo);
    }
    await inPlace(fault.mend);
    if (fault.restart === true) {
      // To look into a directory takes a descriptor: what could not be removed is removed when a daemon starts.
      await host.daemon?.end();
      pid = (await host.startDaemon()).pid;
      await host.daemon?.logged((record) => record.message === "removed what was half made");
    }
    expect({ answers, words }).toEqual({ answers: asked(fault.codes), words });
    for (const text of words) expect(text).toMatch(fault.says);
    expect({ files: await files(), host: await host.hostState(), vms: await vms() }).toEqual(before);
    await host.ok(...operations.create.argv);
    await host.ok(...operations.create.undo);
    await host.ok(...operations.import.argv);
    await host.ok(...operations.import.undo);
  });
});
