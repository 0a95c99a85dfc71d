import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askHelper, type Frame } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { patience } from "../support/patience.ts";
import { mustHaveKvm } from "../support/must-have-kvm.ts";
import { noSandbox } from "../support/sandbox.ts";

const vmId = "00112233445566ff";
const mac = "02:00:11:22:33:44";
const directory = "/mnt/tmp/installation";

const quit = `printf '{"execute":"qmp_capabilities"}\\n{"execute":"quit"}\\n' | socat -t 5 - UNIX:${directory}/helper/vm/${vmId}/qmp.sock >/dev/null`;

/** A QEMU that the helper starts stands before its guest's first instruction: these tests run none. */
describe.skipIf(noSandbox)(`a VMM that the helper starts${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let params: Record<string, unknown>;
  let before: string;

  beforeEach(async () => {
    host = await Installation.create({ guest: true });
    await host.startHelper();
    const ids = await host.sandbox.root(`ls ${directory}/state/kernels; ls ${directory}/state/images`);
    const [kernel_id, image_id] = ids.trim().split("\n");
    params = { vm_id: vmId, generation: 1, kernel_id, image_id, cpus: 1, memory_mib: 128, accel: "tcg", mac };
    await host.sandbox.root(`
      mkdir -p ${directory}/state/vms/${vmId}; cd ${directory}/state/vms/${vmId}
      qemu-img create -q -f qcow2 root.qcow2 1G; cp ${directory}/state/kernels/${kernel_id}/initrd initrd
      chown -R owner:owner ..`);
    await ask("bridge.ensure");
    await ask("nat.ensure");
    before = await host.hostState();
    await ask("tap.create", { vm_id: vmId, generation: 1, address: "10.77.0.2", mac });
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const ask = (method: string, of: object = {}): Promise<Frame> => askHelper(host, method, of);
  const stop = () => ask("vmm.stop", { vm_id: vmId, generation: 1 });
  const start = async (): Promise<number> => {
    const answer = await ask("vmm.start", params);
    expect(answer.error).toBeUndefined();
    return Number(answer.result?.["pid"]);
  };
  const status = async () => (await ask("vmm.status", { vm_id: vmId })).result;
  const parentOf = async (pid: number) =>
    Number(await host.sandbox.root(`awk '/^PPid:/ { print $2 }' /proc/${pid}/status`));
  /** The logger of the guest's console: a child of the recorder. */
  const loggerOf = async (pid: number) =>
    (await host.sandbox.root(`pgrep -P ${await parentOf(pid)} -x console-log`)).trim();
  const gone = async () => {
    await ask("tap.remove", { vm_id: vmId });
    expect(await host.hostState()).toBe(before);
  };

  it("has its uid and no privilege, three standard descriptors and its files, and a recorder of root's as parent", async () => {
    const pid = await start();
    const { sandbox } = host;
    expect(await sandbox.root(`grep -E '^(Uid|Gid|Groups|CapEff|CapBnd|NoNewPrivs):' /proc/${pid}/status`)).toBe(
      "Uid:\t62000\t62000\t62000\t62000\nGid:\t62000\t62000\t62000\t62000\nGroups:\t \n" +
        "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n",
    );
    expect(await sandbox.root(`cd /proc/${pid}/fd; readlink 0; stat -Lc %F 0 1 2`)).toBe(
      `${directory}/helper/console/${vmId}\nfifo\nfifo\nfifo\n`,
    );
    expect(
      await sandbox.root(
        `readlink /proc/${pid}/fd/* | grep -o '[a-z0-9.]*$' | grep -E '^(root|vmlinux|initrd)' | sort -u`,
      ),
    ).toBe("initrd\nroot.ext4\nroot.qcow2\nvmlinux\n");
    expect(await sandbox.root(`ls ${directory}/helper/vm/${vmId}`)).toBe("agent.sock\nqmp.sock\n");
    expect(
      await sandbox.root(
        `awk '/core|file size|processes|address|open files/ { print $(NF - 2), $NF }' /proc/${pid}/limits`,
      ),
    ).toBe(
      // Twice 1 GiB of disk and what qcow2 adds; no core; 1 CPU and QEMU's pool; 128 MiB and QEMU's own.
      `${2048 * 2 ** 20 + 32 * 2 ** 20 + 64 * 2 ** 20} bytes\n0 bytes\n129 processes\n1024 files\n${(128 + 2 + 4096 + 128) * 2 ** 20} bytes\n`,
    );
    expect(await sandbox.root(`cd /proc/${pid}; cat oom_score_adj coredump_filter`)).toBe("200\n00000000\n");
    expect(await sandbox.root(`readlink /proc/${pid}/ns/mnt`)).not.toBe(
      await sandbox.root("readlink /proc/self/ns/mnt"),
    );
    const recorder = await parentOf(pid);
    expect(
      await sandbox.root(`stat -c %u /proc/${recorder}; awk '/^PPid/ { print $2 }' /proc/${recorder}/status`),
    ).toBe(`0\n${host.helper?.pid}\n`);
    expect(await sandbox.root(`stat -c %u /proc/${await loggerOf(pid)}`)).toBe("61000\n");
    expect(
      await sandbox.root(`readlink /proc/${recorder}/fd/* /proc/${await loggerOf(pid)}/fd/* | grep -c root. || true`),
    ).toBe("0\n");
    const initrd = `stat -c '%a %g' ${directory}/state/vms/${vmId}/initrd`;
    expect(await sandbox.root(initrd)).toBe("640 62000\n");
    expect(await stop()).toMatchObject({ result: { stopped: true } });
    expect(await sandbox.root(initrd), "no file keeps a uid that is given back").toBe("600 61000\n");
    await gone();
  });

  it("may write a larger disk when that is asked for its generation, and never a smaller one", async () => {
    await start();
    const raise = (disk_mib: number, generation = 1) => ask("vmm.limits", { vm_id: vmId, generation, disk_mib });
    // Twice the disk, and what qcow2 adds.
    const bytes = (2048 + 32 + 64) * 2 ** 20;
    expect((await raise(2048)).result).toEqual({ file_bytes: bytes });
    expect((await raise(1024)).result).toEqual({ file_bytes: bytes });
    expect((await raise(8192, 2)).error).toMatchObject({ code: "wrong_state" });
    await stop();
    expect((await raise(8192)).error).toMatchObject({ code: "not_found" });
    await gone();
  });

  it("is reached by its owner and by itself, not by the owner's group or another VM, and old directories still are", async () => {
    await start();
    const socket = `${directory}/helper/vm/${vmId}/qmp.sock`;
    const reach = (uid: number, gid: number, groups = "") =>
      host.sandbox
        .root(
          `setpriv --reuid=${uid} --regid=${gid} ${groups || "--clear-groups"} socat -u OPEN:/dev/null UNIX:${socket}`,
        )
        .then(
          () => "reached",
          (error: Error) => /Permission denied/.exec(error.message)?.[0] ?? error.message,
        );
    expect(await reach(61_000, 61_000)).toBe("reached");
    expect(await reach(61_009, 61_000), "a member of the owner's primary group").toBe("Permission denied");
    expect(await reach(62_001, 62_001), "another VM").toBe("Permission denied");
    await host.sandbox.root(
      `cd ${directory}/helper/vm; chown -R 62000:61000 ${vmId}; chmod 2750 ${vmId}; chmod 770 ${socket}`,
    );
    expect(await reach(61_000, 61_000), "as an older helper made it").toBe("reached");
    // What a VMM, or the owner, left there goes too, however deep, and through no link.
    await host.sandbox.root(`
      mkdir -p /mnt/precious; touch /mnt/precious/file; cd ${directory}/helper/vm/${vmId}
      ln -s /mnt/precious link; mkdir wide; touch wide/{1..600}; mkfifo fifo
      for i in {1..300}; do mkdir deeper; ln -s /mnt/precious deeper/link; cd -P deeper; done; chown -R 62000 .`);
    await stop();
    await gone();
    expect(await host.sandbox.root("ls /mnt/precious")).toBe("file\n");
  });

  it.each([
    [
      "writes where anybody may",
      "echo x >/tmp/banger-$$ 2>&1 && echo wrote; echo x >/dev/shm/banger-$$ && echo wrote",
      /Read-only file system/,
    ],
    [
      "looks for others' files",
      `ls -A ${directory}/state ${directory}/run ${directory}/helper/vm | tr '\\n' ' '; echo end`,
      /helper\/vm: 00112233445566ff +\S+\/run: +\S+\/state: +end/,
    ],
    [
      "writes a file without end",
      `truncate -s 3G ${directory}/helper/vm/${vmId}/fill; echo $?`,
      /File size limit exceeded|File too large|153/,
    ],
    ["takes memory without end", "dd if=/dev/zero of=/dev/null bs=8G count=1", /memory exhausted|Cannot allocate/],
    ["starts processes without end", "for i in $(seq 400); do sleep 1 & done; wait", /Cannot fork/],
  ])("that %s is stopped there", async (_, does, said) => {
    await host.replaceQemu(`(${does}) >&2; exit 1`);
    const { error } = await ask("vmm.start", params);
    expect(error?.message).toMatch(said);
    await gone();
  });

  it.each([
    ["by SIGKILL", "kill -KILL $0", { status: null, signal: 9 }],
    [
      "after its recorder was asked to end",
      `p=$0; kill -TERM $(awk '/^PPid:/ { print $2 }' /proc/$p/status); kill -KILL $p`,
      { status: null, signal: 9 },
    ],
    ["in order", quit, { status: 0, signal: null }],
    ["by a signal that dumps core", "kill -SEGV $0", { status: null, signal: 11 }],
  ])("ended %s while the helper was away is known when it is back, until it is released", async (_, end, how) => {
    const pid = await start();
    expect(await status()).toMatchObject({ running: true, facts: { pid } });
    await host.helper?.end("KILL");
    const killed = Date.now();
    await host.sandbox.root(`${end.replace("$0", String(pid))}; while [ -d /proc/${pid} ]; do :; done`);
    await host.startHelper();
    const exit = { vm_id: vmId, generation: 1, uid: 62_000, ...how };
    expect(await status()).toMatchObject({ running: false, exit });
    const { exits } = (await ask("vmm.list")).result as { exits: { at: string }[] };
    expect(exits).toMatchObject([exit]);
    expect(Math.abs(Date.parse(exits[0]?.at ?? "") - killed)).toBeLessThan(2_000 * patience);
    expect(await stop()).toMatchObject({ result: { stopped: false } });
    expect(await status(), "remembered while its tap is").toMatchObject({ exit });
    await gone();
    expect(await status()).toEqual({ running: false });
  });

  it("has made its machine when it is said to run: asked to end at once, it does so in order and says it", async () => {
    const pid = await start();
    await host.sandbox.root(`kill -TERM ${pid}; while [ -d /proc/${pid} ]; do :; done`);
    expect(await status()).toMatchObject({
      exit: { signal: null },
      last_words: expect.stringContaining("signal 15") as string,
    });
  });

  it("runs on when its recorder is killed; how it ends is then unknown, and says so always alike", async () => {
    const pid = await start();
    await host.sandbox.root(`kill -KILL ${await parentOf(pid)}`);
    expect(await status()).toMatchObject({ running: true });
    await host.sandbox.root(`kill -KILL ${pid}; while [ -d /proc/${pid} ]; do :; done`);
    const first = await status();
    expect(first).toMatchObject({ running: false, exit: { status: null, signal: null } });
    await host.helper?.end("KILL");
    await host.startHelper();
    expect(await status()).toEqual(first);
    await stop();
    await gone();
  });

  it("has its end written down also where the run directory's file system is full", async () => {
    await host.helper?.end();
    await host.sandbox.root(
      `rm -rf ${directory}/helper; mkdir ${directory}/helper; mount -t tmpfs -o size=256k x ${directory}/helper`,
    );
    await host.startHelper();
    await ask("tap.create", { vm_id: vmId, generation: 1, address: "10.77.0.2", mac });
    const pid = await start();
    await host.sandbox.root(`
      cat /dev/zero >${directory}/helper/fill 2>/dev/null || true
      kill -KILL ${pid}; while [ -d /proc/${pid} ]; do :; done`);
    expect(await status()).toMatchObject({ running: false, exit: { signal: 9 } });
    const other = { vm_id: "ffffffffffffffff", generation: 1, address: "10.77.0.3", mac: "02:00:00:00:00:03" };
    expect(await ask("tap.create", other)).toMatchObject({ error: { code: "no_space" } });
    await host.sandbox.root(`rm ${directory}/helper/fill`);
    expect((await ask("vmm.list")).result).toMatchObject({ leases: [{ vm_id: vmId }] });
    expect(await stop()).toMatchObject({ result: {} });
  });

  it("with KVM has the group of /dev/kvm and nothing more, or is not started and says why", async () => {
    const kvm = (await ask("kvm.probe")).result as { usable: boolean; why: string };
    if (mustHaveKvm) expect(kvm.usable, kvm.why).toBe(true);
    const answer = await ask("vmm.start", { ...params, accel: "kvm" });
    if (kvm.usable) {
      const [groups, gid, mode] = (
        await host.sandbox.root(
          `awk '/^Groups:/ { print $2 }' /proc/${String(answer.result?.["pid"])}/status; stat -c '%g\n%a' /dev/kvm`,
        )
      ).split("\n");
      expect(groups).toBe(mode === "660" ? gid : "");
    } else
      expect(answer).toMatchObject({
        error: { code: "command_failed", message: `vmm.start: KVM can't be used: ${kvm.why}` },
      });
    await stop();
    await gone();
  });

  it("says in its own words why it ended, and how", async () => {
    await host.sandbox.root(`cd ${directory}/state/vms/${vmId}; echo x >root.qcow2`);
    const { error } = await ask("vmm.start", params);
    expect(error).toMatchObject({ code: "command_failed" });
    expect(error?.message).toMatch(/^vmm\.start: QEMU ended at once: .*qcow2/);
    expect(await status()).toMatchObject({ running: false, exit: { generation: 1, status: 1, signal: null } });
    await gone();
  });

  it.each([
    ["stands still", "kill -STOP $$"],
    [
      "accepts and doesn't greet",
      `exec socat -u UNIX-LISTEN:${directory}/helper/vm/${vmId}/qmp.sock,fork OPEN:/dev/null`,
    ],
  ])(
    "that %s is ended within the deadline",
    async (_, instead) => {
      await host.replaceQemu(instead);
      const began = Date.now();
      const { error } = await ask("vmm.start", params);
      expect(error).toMatchObject({ code: "command_failed" });
      expect(error?.message).toMatch(/QEMU did not answer within 10 s/);
      expect(Date.now() - began).toBeLessThan(14_000 * patience);
      await gone();
    },
    30_000 * patience,
  );

  it(
    "that works for longer than that is waited for",
    async () => {
      const now = "read -r now _ </proc/uptime; now=${now%.*}";
      await host.replaceQemu(`
        ${now}; until=$((now + 11)); while [ $now -lt $until ]; do ${now}; done
        exec socat UNIX-LISTEN:${directory}/helper/vm/${vmId}/qmp.sock,fork SYSTEM:'echo \\\\\\"return\\\\\\"'`);
      const began = Date.now();
      expect(await ask("vmm.start", params)).toMatchObject({ result: { vm_id: vmId } });
      expect(Date.now() - began).toBeGreaterThan(10_000);
      await stop();
      await gone();
    },
    30_000 * patience,
  );

  it(
    "is ended with all that is beside it, also when that is stopped",
    async () => {
      const pid = await start();
      await host.sandbox.root(`kill -STOP ${await loggerOf(pid)} ${await parentOf(pid)}`);
      expect(await stop()).toMatchObject({ result: { stopped: true } });
      await gone();
    },
    30_000 * patience,
  );

  it("whose pid nobody wrote down is found by its uid", async () => {
    await host.replaceQemu("kill -STOP $$");
    const starting = ask("vmm.start", params).catch(() => undefined);
    await host.qemuStopped();
    await host.helper?.end("KILL");
    await starting;
    await host.startHelper();
    expect(await status()).toMatchObject({ running: true, facts: { uid: 62_000, generation: 1 } });
    expect(await stop()).toMatchObject({ result: { stopped: true } });
    await gone();
  });

  it("on a kernel that lacks a call is not started, and the error names the oldest that has it", async () => {
    const mountSetattr = 442;
    const { code, stderr } = await host.sandbox.run(
      ["node", "test/support/without-syscall.ts", String(mountSetattr), "/mnt/banger/dist/vmm-cage"].concat([
        "1",
        "1",
        "1",
        "/mnt/tmp",
        "--",
        "/bin/true",
      ]),
      { as: "root" },
    );
    expect(stderr).toMatch(/lock all mounts: Function not implemented; .*needs Linux 5\.12 or newer/);
    expect(code).toBe(70);
  });

  it(
    "that can't have its descriptors leaves none open in the helper",
    async () => {
      const pid = String(host.helper?.pid);
      await host.replaceQemu("exit 1");
      const open = async () => (await host.sandbox.root(`ls /proc/${pid}/fd`)).trim().split("\n").map(Number);
      await ask("vmm.start", params);
      const before = await open();
      const free = Array.from({ length: 64 }, (_, fd) => fd).filter((fd) => !before.includes(fd));
      const said = new Set<string | undefined>();
      // One more each time: each step is the one that has none left.
      for (const fd of free.slice(2, 40)) {
        await host.sandbox.root(`prlimit --pid ${pid} --nofile=${fd}:`);
        said.add((await ask("vmm.start", params).catch(() => undefined))?.error?.message);
      }
      await host.sandbox.root(`prlimit --pid ${pid} --nofile=1024:`);
      expect([...said].join("\n")).toMatch(/no descriptor left.*\n.*QEMU ended at once/s);
      expect((await open()).length).toBe(before.length);
    },
    60_000 * patience,
  );

  it("opens a kernel that was made under umask 077", async () => {
    const kernel = `${directory}/state/kernels/${String(params["kernel_id"])}`;
    // The shared one can't be written: a copy of it takes its place.
    await host.sandbox.root(`
      cp -r ${kernel} /mnt/tmp/kernel; umount ${directory}/state/kernels; mv /mnt/tmp/kernel ${kernel}
      chown -R owner:owner ${directory}/state/kernels; chmod 400 ${kernel}/vmlinux`);
    await start();
    await stop();
  });
});
