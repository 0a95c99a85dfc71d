import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Image } from "../../src/rpc/contract/image.ts";
import type { Kernel } from "../../src/rpc/contract/kernel.ts";
import { Installation } from "../support/installation.ts";
import { tinyRootFs } from "../support/rootfs.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`images and kernels${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let directory: string;
  let tar: string;
  let host: Installation;
  let before: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "banger-image-"));
    tar = tinyRootFs(directory);
    rmSync(join(directory, "tree"), { recursive: true });
    // The owner reads what it imports.
    for (const path of [directory, tar]) execFileSync("chmod", ["a+rX", path]);
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  beforeEach(async () => {
    host = await Installation.start();
    before = await host.hostState();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  /** Owner and mode of a file in an image, as debugfs sees them. */
  const statIn = (image: Image, path: string) =>
    host.sandbox.root(`debugfs -R 'stat ${path}' ${host.layout.image(image.id)} 2>/dev/null`);

  it.each([
    ["in a user namespace", ""],
    ["under fakeroot, where the owner has no subordinate ids", ": > /etc/subuid; : > /etc/subgid"],
  ])("an image is made of a tar %s: owners and set-uid bits are right", async (_, prepare) => {
    await host.sandbox.root(prepare);
    const image = await host.ok<Image>("image", "import", tar, "--name", "tiny");
    expect(image).toMatchObject({ name: "tiny", source: "tiny.tar.gz" });
    expect(await statIn(image, "/bin/hello")).toMatch(/Mode:\s+04755[\s\S]*User:\s+123\s+Group:\s+456/);
    expect(await host.sandbox.root(`e2fsck -fn ${host.layout.image(image.id)} 2>&1`)).toContain("root");
    expect(await host.sandbox.root(`ls -A ${host.file.stateDir}/scratch`)).toBe("");
  });

  it("an ext4 file is taken as it is, a damaged one refused, the same one twice too", async () => {
    const made = await host.ok<Image>("image", "import", tar, "--name", "tiny", "--size-mib", "64");
    expect(made.size).toBe(64 * 1024 * 1024);
    await host.sandbox.root(`cp ${host.layout.image(made.id)} /mnt/tmp/disk.ext4; cp /mnt/tmp/disk.ext4 /mnt/tmp/bad.ext4; chmod 644 /mnt/tmp/*.ext4
      dd if=/dev/zero of=/mnt/tmp/bad.ext4 bs=4k seek=1 count=20 conv=notrunc status=none`);
    const twice = await host.banger(["image", "import", "/mnt/tmp/disk.ext4", "--name", "again"]);
    expect(twice.error()).toMatchObject({ code: "already_exists", details: { name: "tiny" } });
    const damaged = await host.banger(["image", "import", "/mnt/tmp/bad.ext4", "--name", "bad"]);
    expect(damaged.error()).toMatchObject({ code: "bad_content" });
    await host.ok("image", "rm", "tiny");
    expect(await host.ok<Image>("image", "import", "/mnt/tmp/disk.ext4", "--name", "again")).toMatchObject({
      id: made.id,
    });
    await host.ok("image", "rm", "again");
    await host.sandbox.root(`rm /mnt/tmp/*.ext4; rmdir ${host.file.stateDir}/images ${host.file.stateDir}/scratch`);
    expect(await host.hostState()).toBe(before);
  });

  it.each([
    ["is cut off", "head -c 3000"],
    ["is not a root file system", "cat >/dev/null; tar -c -C /etc hostname | cat"],
  ])("a tar that %s is refused, and nothing of it is left", async (_, spoil) => {
    await host.sandbox.root(`cat ${tar} | (${spoil}) > /mnt/tmp/spoilt.tar`);
    expect((await host.banger(["image", "import", "/mnt/tmp/spoilt.tar", "--name", "x"])).error()).toMatchObject({
      code: "bad_content",
    });
    expect(await host.ok("image", "ls")).toEqual({ images: [] });
    expect(
      await host.sandbox.root(`ls -A ${host.file.stateDir}/scratch; ls -A ${host.file.stateDir} | grep images || true`),
    ).toBe("");
  });

  it("a full disk is said to be one", async () => {
    await host.sandbox.root(`
      mkdir ${host.file.stateDir}/scratch; mount -t tmpfs -o size=1M,uid=61000 full ${host.file.stateDir}/scratch
      mkdir -p /mnt/tmp/t/usr; head -c 4000000 /dev/urandom > /mnt/tmp/t/usr/much
      tar -C /mnt/tmp/t -cf /mnt/tmp/much.tar usr; rm -r /mnt/tmp/t`);
    const answer = await host.banger(["image", "import", "/mnt/tmp/much.tar", "--name", "much"]);
    expect(answer.error()).toMatchObject({ code: "no_space" });
    expect(answer.code).toBe(74);
  });

  it("a kernel is taken from a Debian package", async () => {
    await host.sandbox.root(`
      mkdir -p /mnt/tmp/deb/DEBIAN /mnt/tmp/deb/boot /mnt/tmp/deb/lib/modules/9.9-test; cd /mnt/tmp/deb
      printf 'Package: linux-image-9.9-test\\nVersion: 1\\nArchitecture: amd64\\nMaintainer: nobody <n@example.org>\\nDescription: test\\n' > DEBIAN/control
      printf '\\177ELFkernel' > boot/vmlinuz-9.9-test
      for module in virtio_pci virtio_blk virtio_net virtio_console virtio_rng ext4; do echo kernel/$module.ko; done > lib/modules/9.9-test/modules.builtin
      touch lib/modules/9.9-test/modules.order
      dpkg-deb --build . /mnt/tmp/linux.deb >/dev/null; chmod 644 /mnt/tmp/linux.deb`);
    const kernel = await host.ok<Kernel>("kernel", "import", "/mnt/tmp/linux.deb");
    expect(kernel).toMatchObject({ name: "linux-9-9-test", release: "9.9-test" });
    const files = host.layout.kernel(kernel.id);
    expect(await host.sandbox.root(`cpio --list --quiet < ${files.initrd}`)).toBe(
      "dev\nproc\nsys\nroot\nbanger\nbanger/lib\ninit\nbanger/agent\nbanger/modules\n",
    );
    expect(await host.sandbox.root(`stat -c '%a %U' ${files.vmlinux}`)).toBe("444 owner\n");
    expect((await host.banger(["kernel", "import", "/mnt/tmp/linux.deb"])).error()).toMatchObject({
      code: "already_exists",
    });
    await host.ok("kernel", "rm", "linux-9-9-test");
    expect(await host.ok("kernel", "ls")).toEqual({ kernels: [] });
  });

  it("an import that is cancelled leaves nothing", async () => {
    // Two sparse gibibytes: there is time to cancel while tar reads them.
    await host.sandbox.root(
      "mkdir -p /mnt/tmp/t/usr; truncate -s 2G /mnt/tmp/t/usr/zero; tar -C /mnt/tmp/t -cf /mnt/tmp/slow.tar usr; rm -r /mnt/tmp/t",
    );
    const child = host.spawnBanger(["image", "import", "/mnt/tmp/slow.tar", "--name", "slow"]);
    await host.daemon?.logged((record) => record["operation"] === "image.import");
    await host.sandbox.root(
      "until pgrep -x tar >/dev/null; do read -rt 0.01 <> <(:) || true; done; pkill -INT -f 'image import'",
    );
    expect(await new Promise((resolve) => void child.once("close", resolve))).toBe(130);
    await host.sandbox.root(`rm /mnt/tmp/slow.tar; rmdir ${host.file.stateDir}/scratch`);
    expect(await host.hostState()).toBe(before);
  });
});
