import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { fakeKernel } from "../support/fake-kernel.ts";
import { setFault, startFaultyDaemon } from "../support/faults.ts";
import { btrfsState, Installation } from "../support/installation.ts";
import { tinyRootFs } from "../support/rootfs.ts";
import { noSandbox } from "../support/sandbox.ts";

type Shown = Vm & { disk_used_mib: number | null; disk_shared_mib: number | null };

/** What an image holds that no file system makes smaller. */
const contentMib = 8;

describe.skipIf(noSandbox)(`root disks${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let directory: string;
  let tar: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "banger-disks-"));
    tinyRootFs(directory);
    mkdirSync(join(directory, "tree/opt"));
    writeFileSync(join(directory, "tree/opt/content"), randomBytes(contentMib * 2 ** 20));
    tar = join(directory, "root.tar");
    execFileSync("tar", ["--create", "--file", tar, "--directory", join(directory, "tree"), "."]);
    for (const path of [directory, tar]) execFileSync("chmod", ["a+rX", path]);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** An installation with an image and a kernel that nothing can boot. */
  async function hostOn(stateFs: "tmpfs" | "btrfs"): Promise<Installation> {
    const host = await Installation.create(stateFs === "btrfs" ? { mountState: btrfsState(200) } : { stateMib: 200 });
    await host.sandbox.root(`
      mkdir -p /mnt/tmp/modules; cd /mnt/tmp
      echo ${fakeKernel().toString("base64")} | base64 -d > vmlinux; touch modules/modules.dep
      for module in virtio_pci virtio_blk virtio_net virtio_console virtio_rng ext4; do echo kernel/$module.ko; done > modules/modules.builtin
      chmod -R a+rX vmlinux modules`);
    await host.startHelper();
    await startFaultyDaemon(host);
    await host.ok("image", "import", tar, "--name", "tiny");
    await host.ok("kernel", "import", "/mnt/tmp/vmlinux", "--modules", "/mnt/tmp/modules", "--name", "linux");
    return host;
  }
  const listed = async (host: Installation) => (await host.ok<{ vms: Vm[] }>("vm", "ls")).vms.map(({ name }) => name);
  const filesOf = (host: Installation) => host.sandbox.root(`find ${host.file.stateDir}/vms -type f | sort`);

  describe("on a file system that shares blocks", () => {
    let host: Installation;
    beforeAll(async () => {
      host = await hostOn("btrfs");
    });
    afterAll(() => host[Symbol.asyncDispose]());

    it("are reflinks: nothing of their own at first, what is written later, what they share told apart", async () => {
      await host.ok("vm", "create", "--name", "web", "--disk", "30G");
      await host.sandbox.root("sync");
      const made = await host.ok<Shown>("vm", "show", "web");
      expect(made).toMatchObject({
        disk_kind: "reflink",
        disk_why: "the file system of state_dir shares blocks between files",
        disk_mib: 30 * 1024,
        disk_used_mib: 0,
      });
      expect(made.disk_shared_mib).toBeGreaterThanOrEqual(contentMib);
      const disk = host.layout.vm(made.id).rootDisk.raw;
      expect(await host.sandbox.root(`stat -c '%s %a %U' ${disk}`)).toBe(`${30 * 2 ** 30} 600 owner\n`);
      await host.sandbox.root(`dd if=/dev/urandom of=${disk} bs=1M count=5 seek=20000 conv=notrunc 2>/dev/null; sync`);
      expect(await host.ok<Shown>("vm", "show", "web")).toMatchObject({
        disk_used_mib: 5,
        disk_shared_mib: made.disk_shared_mib,
      });
      const { stdout } = await host.person(["vm", "show", "web"]);
      expect(stdout).toMatch(/^disk +30720 MiB, of which 5 are taken on the host, and \d+ are its image's$/m);
      expect(stdout).toMatch(/^disk kind +reflink \(the file system of state_dir shares blocks between files\)$/m);
      await host.ok("vm", "delete", "web");
    });

    it("are copies where that is asked for, which takes what the image holds", async () => {
      await host.ok("vm", "create", "--name", "full", "--disk-kind", "copy");
      await host.sandbox.root("sync");
      const made = await host.ok<Shown>("vm", "show", "full");
      expect(made).toMatchObject({ disk_kind: "copy", disk_why: "it was asked for", disk_shared_mib: 0 });
      expect(made.disk_used_mib).toBeGreaterThanOrEqual(contentMib);
      await host.ok("vm", "delete", "full");
    });

    it("are overlays where that is asked for", async () => {
      await host.ok("vm", "create", "--name", "over", "--disk-kind", "qcow2");
      expect(await host.ok<Shown>("vm", "show", "over")).toMatchObject({ disk_kind: "qcow2" });
      await host.ok("vm", "delete", "over");
    });
  });

  describe("on one that does not", () => {
    let host: Installation;
    beforeAll(async () => {
      host = await hostOn("tmpfs");
    });
    afterAll(() => host[Symbol.asyncDispose]());

    it("are overlays, and the reason says what was tried", async () => {
      await host.ok("vm", "create", "--name", "web");
      expect(await host.ok<Shown>("vm", "show", "web")).toMatchObject({
        disk_kind: "qcow2",
        disk_why: expect.stringMatching(
          /^no reflink: the file system of state_dir shares no blocks .*\(\w+\)$/,
        ) as string,
      });
      await host.ok("vm", "delete", "web");
    });

    it("are no reflinks, whoever asks: that is refused by name, and leaves nothing", async () => {
      const answer = await host.banger(["vm", "create", "--name", "web", "--disk-kind", "reflink"]);
      expect(answer.error()).toMatchObject({ code: "host_failed", details: { field: "disk_kind" } });
      expect(await listed(host)).toEqual([]);
      expect(await filesOf(host)).toBe("");
    });
  });

  const steps = ["record", "directory", "root_disk", "host_key"];
  describe.each([
    ["tmpfs", "auto"],
    ["tmpfs", "copy"],
  ] as const)("a %s that fills up while a VM is made (%s)", (stateFs, kind) => {
    let host: Installation;
    beforeAll(async () => {
      host = await hostOn(stateFs);
    });
    afterAll(() => host[Symbol.asyncDispose]());

    it.each(steps)("after step %s: the VM is whole, or the error says it and nothing is left", async (step) => {
      const log = host.daemon?.log.length ?? 0;
      await setFault(host, `vm.create ${step} hold`);
      const creating = host.banger(["vm", "create", "--name", "web", "--disk-kind", kind]);
      await host.daemon?.logged((record) => record.message === "held", log);
      await host.sandbox.root(`
        cd ${host.file.stateDir}; head -c 1G /dev/zero > fill 2>/dev/null || true
        until ! head -c 4096 /dev/urandom >> fill; do :; done 2>/dev/null`);
      await setFault(host, "none");
      const answer = await creating;
      if (answer.code === 0) {
        expect(await host.ok<Shown>("vm", "show", "web")).toMatchObject({ state: "created" });
        await host.ok("vm", "delete", "web");
      } else {
        expect(answer.error().code).toBe("no_space");
        expect(await listed(host)).toEqual([]);
      }
      expect(await filesOf(host)).toBe("");
      await host.sandbox.root(`rm ${host.file.stateDir}/fill`);
      expect(host.daemon?.over).toBe(false);
    });
  });

  it.each(["record", "directory"])(
    "a btrfs that fills up after step %s ends no process, and what was begun is whole, or gone when there is room",
    { timeout: 90_000 },
    async (step) => {
      await using host = await hostOn("btrfs");
      await setFault(host, `vm.create ${step} hold`);
      const creating = host.banger(["vm", "create", "--name", "web"]);
      await host.daemon?.logged((record) => record.message === "held");
      await host.sandbox.root(`head -c 1G /dev/zero > ${host.file.stateDir}/fill 2>/dev/null || sync`);
      await setFault(host, "none");
      const answer = await creating;
      expect(answer.code === 0 ? "ok" : answer.error().code).toMatch(/^(ok|no_space)$/);
      expect(host.daemon?.over).toBe(false);
      // Where not even metadata can be written, what was begun is found by the daemon that starts next.
      await host.sandbox.root(`rm ${host.file.stateDir}/fill; sync`);
      await host.daemon?.end();
      await startFaultyDaemon(host);
      expect(await listed(host)).toEqual(answer.code === 0 ? ["web"] : []);
    },
  );
});
