import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askHelper, type Frame } from "../support/ask-helper.ts";
import { firecrackerDirectory, installFirecracker, type StandIns } from "../support/install-firecracker.ts";
import { Installation } from "../support/installation.ts";
import { patience } from "../support/patience.ts";
import { pretendKvm } from "../support/pretended-kvm.ts";
import { noSandbox } from "../support/sandbox.ts";

const vmId = "00112233445566ff";
const volumes = ["00112233445566aa", "00112233445566bb"];
const mac = "02:00:11:22:33:44";
const digest = "ab".repeat(32);
const directory = "/mnt/tmp/installation";
const files = {
  image: `images/${digest}/root.ext4`,
  kernel: `kernels/${digest}/vmlinux`,
  disk: `vms/${vmId}/root.raw`,
  initrd: `vms/${vmId}/initrd`,
};
const disks = [files.disk, ...volumes.map((id) => `volumes/${id}.raw`)];

/** Where a start is when its helper is killed: the stand-in that stops itself, and its program's name. */
const standStill: [string, Partial<StandIns>, string][] = [
  ["Firecracker stands still", { firecracker: "STOPS" }, "firecracker"],
];

interface Places {
  api_socket: string;
  vsock_socket: string;
  vsock: string;
  metrics: string;
  metrics_file: string;
  kernel: string;
  initrd: string;
  root_disk: string;
  volumes: string[];
}

/** Stands in for Firecracker are started here, and no guest: what the real one does is tried in the lab. */
describe.skipIf(noSandbox)(`a Firecracker that the helper starts${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;

  const params = {
    vm_id: vmId,
    generation: 1,
    vmm: "firecracker",
    kernel_id: digest,
    image_id: digest,
    disk_kind: "copy",
    cpus: 1,
    memory_mib: 128,
    accel: "kvm",
    mac,
    volumes,
  };

  const prepare = async (standIns: StandIns | undefined, { kvm = true } = {}) => {
    host = await Installation.create();
    if (kvm) await pretendKvm(host.sandbox);
    if (standIns !== undefined) await installFirecracker(host.sandbox, standIns);
    await host.sandbox.root(`
      cd ${directory}/state; mkdir volumes
      for file in ${Object.values(files).join(" ")}; do mkdir -p $(dirname $file); echo x >$file; done
      for disk in ${disks.join(" ")}; do truncate -s 16M $disk; chmod 600 $disk; done
      chmod 600 ${files.initrd}; chown -R owner:owner .`);
    await host.startHelper();
    await ask("bridge.ensure");
    await ask("nat.ensure");
    before = await host.hostState();
    await ask("tap.create", { vm_id: vmId, generation: 1, address: "10.77.0.2", mac });
  };
  afterEach(() => host[Symbol.asyncDispose]());

  const ask = (method: string, of: object = {}): Promise<Frame> => askHelper(host, method, of);
  const stop = () => ask("vmm.stop", { vm_id: vmId, generation: 1 });
  const start = async (): Promise<{ pid: number; places: Places }> => {
    const answer = await ask("vmm.start", params);
    expect(answer.error).toBeUndefined();
    return { pid: Number(answer.result?.["pid"]), places: answer.result?.["firecracker"] as Places };
  };
  const status = async () => (await ask("vmm.status", { vm_id: vmId })).result;
  const owners = () => host.sandbox.root(`cd ${directory}/state; stat -c '%a %g' ${files.initrd} ${disks.join(" ")}`);
  const gone = async () => {
    await ask("tap.remove", { vm_id: vmId });
    expect(await host.hostState()).toBe(before);
    expect(await owners(), "no file keeps a uid that is given back").toBe("600 61000\n".repeat(4));
  };
  /** What the one that runs answers to a request, asked as the owner. */
  const get = async (path: string) => {
    const socat = ["socat", "-t", "30", "-", `UNIX-CONNECT:${host.layout.sockets(vmId).api}`];
    const { stdout, stderr } = await host.sandbox.run(socat, { input: `GET ${path} HTTP/1.1\r\n\r\n` });
    expect(stderr).toBe("");
    return stdout.slice(stdout.indexOf("\r\n\r\n") + 4);
  };

  describe.each([
    ["in its jail", true],
    ["in a cage, where there is no jailer", false],
  ])("%s", (_, jailer) => {
    it("has its uid and no privilege, limits, its files and nothing else, and leaves nothing", async () => {
      await prepare({ jailer, filter: true });
      const { pid, places } = await start();
      const { sandbox } = host;
      expect(await sandbox.root(`grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|NoNewPrivs):' /proc/${pid}/status`)).toBe(
        "Uid:\t62000\t62000\t62000\t62000\nGid:\t62000\t62000\t62000\t62000\nGroups:\t \n" +
          "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n",
      );
      expect(
        await sandbox.root(
          `awk '/core|file size|processes|address|open files/ { print $(NF - 2), $NF }' /proc/${pid}/limits`,
        ),
      ).toBe(
        // Twice 16 MiB of disk, a 64th, and 64 MiB; no core; 1 CPU and 128 more; 128 MiB and the VMM's own.
        `${(32 + 64) * 2 ** 20 + 2 ** 19} bytes\n0 bytes\n129 processes\n1024 files\n${(128 + 2 + 4096 + 128) * 2 ** 20} bytes\n`,
      );
      expect(await sandbox.root(`cd /proc/${pid}; cat oom_score_adj coredump_filter`)).toBe("200\n00000000\n");
      const opened = Object.fromEntries(
        await Promise.all(
          Object.entries({
            kernel: places.kernel,
            initrd: places.initrd,
            disk: places.root_disk,
            volume: places.volumes[1] ?? "",
            metrics: places.metrics,
            kvm: "/dev/kvm",
            state: `${directory}/state`,
            "in the state": `${directory}/state/${files.initrd}`,
          }).map(async ([name, path]) => [name, await get(`/open${path}`)] as const),
        ),
      );
      expect(opened).toMatchObject({ disk: "rw", volume: "rw", metrics: "rw", kvm: "rw" });
      expect(opened["kernel"]).toBe("ro");
      expect(opened["initrd"]).toBe("ro");
      expect(opened["in the state"]).toBe("No such file or directory");
      expect(opened["state"]).toBe(jailer ? "No such file or directory" : "ro");
      if (jailer) {
        expect(await sandbox.root(`ls /proc/${pid}/root`)).toBe(
          "dev\nfirecracker\nfirecracker.pid\ninitrd\nkernel\nmetrics\nroot-disk\nrun\nseccomp.bpf\nvm\nvolume0\nvolume1\nwords\n",
        );
        // What the jailer needs to go in; nothing that is run ever has any of it again.
        const bounding = BigInt(
          `0x${(await sandbox.root(`awk '/^CapBnd:/ { print $2 }' /proc/${pid}/status`)).trim()}`,
        );
        expect(bounding & ~0x92400cbn).toBe(0n);
        expect(await sandbox.root(`ls /proc/${pid}/fd | wc -l`), "none of the files that the helper opened").toBe(
          "5\n",
        );
      }
      expect(places).toMatchObject({
        api_socket: `${directory}/helper/vm/${vmId}/api.sock`,
        vsock_socket: `${directory}/helper/vm/${vmId}/vsock.sock`,
        metrics_file: `${directory}/helper/console/${vmId}.metrics`,
      });
      expect(await status()).toMatchObject({ running: true, facts: { pid, uid: 62_000 } });
      expect(await owners()).toBe("640 62000\n660 62000\n660 62000\n660 62000\n");
      expect(await sandbox.root(`cat ${directory}/state/vms/${vmId}/console.log`)).toBe("console\n");
      expect(await sandbox.root(`cat ${directory}/helper/log/${vmId}.log`)).toMatch(
        /^Running Firecracker v1\.16\.1, filter .*seccomp\.bpf\n$/,
      );
      expect(await stop()).toMatchObject({ result: { stopped: true } });
      expect(await host.helper?.logged(({ message }) => message === "what the VMM had said")).toMatchObject({
        op_id: expect.stringMatching(/^op-[0-9a-f]{32}$/) as string,
        "banger.vm.id": vmId,
        stderr: expect.stringMatching(/^Running Firecracker v1\.16\.1/) as string,
      });
      await gone();
    });

    it("is given a filter of system calls to which a link leads", async () => {
      await prepare({ jailer, filter: "link" });
      await start();
      expect(await host.sandbox.root(`cat ${directory}/helper/log/${vmId}.log`)).toMatch(/, filter \S+\.bpf\n$/);
      await stop();
      await gone();
    });

    it("is reached by its owner and itself, not by the owner's group or another VM", async () => {
      await prepare({ jailer });
      await start();
      const socket = host.layout.sockets(vmId).api;
      const reach = async (uid: number, gid: number) => {
        const as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
        return (await host.sandbox.run([...as, "socat", "-u", "OPEN:/dev/null", `UNIX:${socket}`], { as: "root" }))
          .code;
      };
      expect(await reach(61_000, 61_000)).toBe(0);
      expect(await reach(62_000, 62_000)).toBe(0);
      expect(await reach(61_009, 61_000)).not.toBe(0);
      expect(await reach(62_001, 62_001)).not.toBe(0);
      await stop();
      await gone();
    });

    it("that has much to say and ends with a status of its own above 128 is held up by nothing, and not taken for killed", async () => {
      await prepare({ jailer });
      const { pid } = await start();
      await get("/end/148");
      await host.sandbox.root(`timeout ${10 * patience} sh -c 'while [ -d /proc/${pid} ]; do :; done'`);
      expect(await status()).toMatchObject({ running: false, exit: { status: 148, signal: null } });
      await stop();
      await gone();
    });

    it("that is killed with the helper away is known to have been, and taken away by the next", async () => {
      await prepare({ jailer });
      const { pid } = await start();
      await host.helper?.end("KILL");
      await host.startHelper();
      expect(await status()).toMatchObject({ running: true, facts: { pid } });
      await host.helper?.end("KILL");
      await host.sandbox.root(`kill -KILL ${pid}; while [ -d /proc/${pid} ]; do :; done`);
      await host.startHelper();
      expect(await status()).toMatchObject({ running: false, exit: { status: null, signal: 9 } });
      expect(await stop()).toMatchObject({ result: { stopped: false } });
      await gone();
    });

    it("without a filter of system calls is not left running", async () => {
      await prepare({ jailer, firecracker: "NO_FILTER" });
      const { error } = await ask("vmm.start", params);
      expect(error?.message).toBe("vmm.start: this firecracker was built without a filter of system calls");
      await gone();
    });

    const inJail: typeof standStill = [
      ["the jailer stands still before it goes in", { jailerThat: "STOPS" }, "jailer"],
    ];
    it.each([...standStill, ...(jailer ? inJail : [])])(
      "whose helper is killed while %s leaves nothing once it is stopped",
      async (_what, standIns, name) => {
        await prepare({ jailer, ...standIns });
        const starting = ask("vmm.start", params).catch(() => undefined);
        await host.sandbox.root(`until pgrep --runstates T -x ${name} >/dev/null; do :; done`);
        await host.helper?.end("KILL");
        await starting;
        await host.startHelper();
        await stop();
        await gone();
      },
      30_000 * patience,
    );
  });

  it("says in its own words why it ended, and how", async () => {
    await prepare({ jailer: true });
    // A directory is in the place of the socket.
    const listening = `until [ -d ${directory}/helper/vm/${vmId} ]; do :; done; mkdir ${directory}/helper/vm/${vmId}/api.sock`;
    const [{ error }] = await Promise.all([ask("vmm.start", params), host.sandbox.root(listening)]);
    expect(error).toMatchObject({ code: "command_failed" });
    expect(error?.message).toMatch(/^vmm\.start: Firecracker ended at once: .*api\.sock: Address already in use/);
    await gone();
  });

  it("is caged where it needs the host's libraries, and given the filter that it lacks", async () => {
    await prepare({ jailer: true, dynamic: true, filter: true, firecracker: "NO_FILTER" });
    const { pid, places } = await start();
    expect(places.root_disk).toBe("/proc/self/fd/3");
    expect(await host.sandbox.root(`readlink /proc/${pid}/root`)).toBe("/\n");
    await stop();
    await gone();
  });

  it.each([
    ["an emulated guest", { accel: "tcg" }, "bad_params", /Firecracker runs with KVM only/],
    ["a qcow2", { disk_kind: "qcow2" }, "bad_params", /Firecracker reads no qcow2/],
    ["a device without a jailer", { disk_kind: "dm-snapshot" }, "bad_params", /only the jailer/],
  ])("is not started with %s", async (_, wrong, code, why) => {
    await prepare({ jailer: false });
    const { error } = await ask("vmm.start", { ...params, ...wrong });
    expect(error).toMatchObject({ code, message: expect.stringMatching(why) as string });
    await gone();
  });

  it("is not started where there is none, nor where KVM can't be used; QEMU needs neither", async () => {
    await prepare(undefined, { kvm: false });
    expect((await ask("vmm.start", params)).error).toMatchObject({ code: "missing_tool" });
    expect((await ask("host.look")).result?.["missing"]).toEqual([]);
    await installFirecracker(host.sandbox, { jailer: true });
    await host.sandbox.root("[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm");
    const { error } = await ask("vmm.start", params);
    expect(error).toMatchObject({
      code: "command_failed",
      message: expect.stringMatching(/KVM can't be used/) as string,
    });
    await host.sandbox.root(`umount ${firecrackerDirectory}; [ ! -e /dev/kvm ] || umount /dev/kvm`);
    await gone();
  });

  it.each([
    ["knows of it no longer, as when the host lost its power", `rm -r helper/facts/${vmId}.json helper/vm/${vmId}`],
    ["finds its facts spoilt", `echo spoilt >helper/facts/${vmId}.json`],
  ])("leaves its uid on no file once it is stopped by a helper that %s", async (_, lose) => {
    await prepare({ jailer: false });
    const { pid } = await start();
    await host.helper?.end("KILL");
    await host.sandbox.root(`kill -KILL ${pid}; while [ -d /proc/${pid} ]; do :; done; cd ${directory}; ${lose}`);
    await host.startHelper();
    expect(await owners()).toContain("660 62000");
    expect((await stop()).error).toBeUndefined();
    expect(await owners()).toBe("600 61000\n".repeat(4));
  });

  it("leaves a uid of nobody's on no file of a VM that QEMU is started for", async () => {
    await prepare(undefined);
    await host.sandbox.root(`cd ${directory}/state; chgrp 62007 ${disks.join(" ")}; chmod 660 ${disks.join(" ")}`);
    await ask("vmm.start", { ...params, vmm: "qemu", accel: "tcg" });
    await stop();
    await gone();
  });

  it("shares no volume with another VM's that runs", async () => {
    await prepare({ jailer: true });
    await start();
    const other = { ...params, vm_id: "00112233445566fe", network: false };
    await host.sandbox.root(
      `cd ${directory}/state/vms; mkdir ${other.vm_id}; cp -a ${vmId}/* ${other.vm_id}; chgrp owner ${other.vm_id}/*; chown owner:owner ${other.vm_id}`,
    );
    for (const kind of [{ vmm: "firecracker" }, { vmm: "qemu", accel: "tcg" }]) {
      const { error } = await ask("vmm.start", { ...other, ...kind });
      expect(error).toMatchObject({ code: "already_exists", message: expect.stringContaining(vmId) as string });
    }
    await host.sandbox.root(`rm -r ${directory}/state/vms/${other.vm_id}`);
    await stop();
    await gone();
  });

  it("gets no volume that a QEMU has that is being started", async () => {
    await prepare({ jailer: true });
    await host.helper?.end("KILL");
    const other = "00112233445566fe";
    const started_at = "2026-11-29T10:00:00.000Z";
    const facts = JSON.stringify({ vm_id: other, uid: 62_009, vmm: { generation: 1, started_at, volumes } });
    await host.sandbox.root(`echo '${facts}' >${directory}/helper/facts/${other}.json`);
    await host.startHelper();
    const { error } = await ask("vmm.start", params);
    expect(error).toMatchObject({ code: "already_exists", message: expect.stringContaining(other) as string });
    await ask("vmm.stop", { vm_id: other, generation: 1 });
    await start();
    await stop();
    await gone();
  });

  describe("vmm.probe", () => {
    const probe = async () => (await ask("vmm.probe")).result?.["vmms"] as { kind: string; [of: string]: unknown }[];
    const qemu = { kind: "qemu", path: "/usr/bin/qemu-system-x86_64", usable: true, why: "it runs" };

    beforeEach(async () => {
      host = await Installation.create();
      await host.startHelper();
    });

    it("says which VMMs there are, and which versions", async () => {
      expect(await probe()).toMatchObject([qemu]);
      await installFirecracker(host.sandbox, { jailer: true });
      const found = { version: "1.16.1", usable: true, why: "it runs" };
      expect(await probe()).toMatchObject([
        qemu,
        {
          kind: "firecracker",
          path: `${firecrackerDirectory}/firecracker`,
          ...found,
          jailer: { path: `${firecrackerDirectory}/jailer`, ...found },
        },
      ]);
    });

    it.each([
      ["is another user's", "chown 61000 firecracker", /firecracker is uid 61000's; root runs what is root's$/],
      ["may be written by others", "chmod o+w firecracker", /may be written by others than root; chmod go-w it$/],
      ["lies where others may write", "chmod o+w .", /local\/bin may be written by others than root/],
      ["may not be run", "chmod 644 firecracker", /it may not be run by everybody; chmod 755 it$/],
      ["is a link to nothing", "ln -sf /none firecracker", /it can't be looked at \(ENOENT\)$/],
      ["fails", "cp /bin/false firecracker", /^it is no Firecracker that can be run: --version ended with 1/],
      ["is a text", "echo text >firecracker", /^it is no Firecracker that can be run: --version ended with 127 /],
      ["is a script", "printf '#!/bin/sh\necho hello 1.2' >firecracker", /^it is no Firecracker .*said "hello 1\.2"$/],
      ["hangs", "printf '#!/bin/sh\nsleep 60' >firecracker", /^--version gave no answer in 3 s, and was ended$/],
    ])("says why not where a firecracker %s", async (_, spoil, why) => {
      await installFirecracker(host.sandbox, { jailer: false });
      await host.sandbox.root(`cd ${firecrackerDirectory}; ${spoil}`);
      expect(await probe()).toMatchObject([qemu, { usable: false, why: expect.stringMatching(why) as string }]);
      expect((await ask("helper.ping")).error).toBeUndefined();
    });

    it.each([
      ["root's", true, "root"],
      ["another user's", false, "61000"],
    ])("takes one whose directory is a link of %s: %s", async (_, usable, owner) => {
      await installFirecracker(host.sandbox, { jailer: false });
      await host.sandbox.root(`
        umount ${firecrackerDirectory}
        mkdir /mnt/local; ln -s /mnt/firecracker /mnt/local/bin; chown -h ${owner} /mnt/local/bin
        mount --bind /mnt/local /usr/local`);
      expect(await probe()).toMatchObject([qemu, { usable }]);
    });

    it("leaves no program running when the helper is killed meanwhile", async () => {
      await installFirecracker(host.sandbox, { jailer: false, firecracker: "SLOW" });
      const asked = ask("vmm.probe").catch(() => undefined);
      await host.sandbox.root("until pgrep -x firecracker >/dev/null; do :; done");
      await host.helper?.end("KILL");
      await asked;
      await expect.poll(() => host.sandbox.root("pgrep -x firecracker || true")).toBe("");
    });

    it(
      "says so, and lives on, where the helper has no descriptor left",
      async () => {
        await installFirecracker(host.sandbox, { jailer: true });
        const pid = String(host.helper?.pid);
        const open = (await host.sandbox.root(`ls /proc/${pid}/fd`)).trim().split("\n").map(Number);
        const free = Array.from({ length: 64 }, (_, fd) => fd).filter((fd) => !open.includes(fd));
        for (const fd of free.slice(2, 20)) {
          await host.sandbox.root(`prlimit --pid ${pid} --nofile=${fd}:`);
          await ask("vmm.probe").catch(() => undefined);
        }
        await host.sandbox.root(`prlimit --pid ${pid} --nofile=1024:`);
        expect(await probe()).toMatchObject([qemu, { usable: true }]);
        expect(host.helper?.over).toBe(false);
      },
      60_000 * patience,
    );
  });
});
