import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Image } from "../../src/rpc/contract/image.ts";
import { Installation } from "../support/installation.ts";
import { fakeKernel } from "../support/fake-kernel.ts";
import { tinyRootFs } from "../support/rootfs.ts";
import { noSandbox } from "../support/sandbox.ts";

const mib = 1024 * 1024;

describe.skipIf(noSandbox)(`images${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let directory: string;
  let tar: string;
  let host: Installation;
  let before: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "banger-image-"));
    tar = tinyRootFs(directory);
    rmSync(join(directory, "tree"), { recursive: true });
    writeFileSync(join(directory, "elf"), fakeKernel());
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

  it("an image is as large as a VM's disk, costs what it holds, and leaves a guest's kernel no inode table to make zero", async () => {
    const image = await host.ok<Image>("image", "import", tar, "--name", "tiny");
    expect(image.size).toBe(20_480 * mib);
    const disk = host.layout.image(image.id);
    expect(Number(await host.sandbox.root(`du -k ${disk} | cut -f1`))).toBeLessThan(10 * 1024);
    const groups = await host.sandbox.root(`dumpe2fs ${disk} 2>/dev/null | grep '^Group [0-9]'`);
    expect(groups.trim().split("\n")).toHaveLength(160);
    expect(groups.match(/ITABLE_ZEROED/g)).toHaveLength(160);
  });

  it("an ext4 file is grown to that size, to the same content each time; a damaged one is refused", async () => {
    const made = await host.ok<Image>("image", "import", tar, "--name", "tiny", "--size-mib", "64");
    expect(made.size).toBe(64 * mib);
    await host.sandbox.root(`cp ${host.layout.image(made.id)} /mnt/tmp/disk.ext4; cp /mnt/tmp/disk.ext4 /mnt/tmp/bad.ext4; chmod 644 /mnt/tmp/*.ext4
      dd if=/dev/zero of=/mnt/tmp/bad.ext4 bs=4k seek=1 count=20 conv=notrunc status=none`);
    const grown = await host.ok<Image>("image", "import", "/mnt/tmp/disk.ext4", "--name", "grown");
    expect(grown.size).toBe(20_480 * mib);
    const disk = host.layout.image(grown.id);
    expect(await host.sandbox.root(`e2fsck -fn ${disk} 2>&1`)).toContain("root");
    expect(Number(await host.sandbox.root(`du -k ${disk} | cut -f1`))).toBeLessThan(20 * 1024);
    expect(await statIn(grown, "/bin/hello")).toMatch(/Mode:\s+04755/);
    const twice = await host.banger(["image", "import", "/mnt/tmp/disk.ext4", "--name", "again"]);
    expect(twice.error()).toMatchObject({ code: "already_exists", details: { name: "grown" } });
    const damaged = await host.banger(["image", "import", "/mnt/tmp/bad.ext4", "--name", "bad"]);
    expect(damaged.error()).toMatchObject({ code: "bad_content" });
    await host.ok("image", "rm", "tiny");
    await host.ok("image", "rm", "grown");
    await host.sandbox.root(`rm /mnt/tmp/*.ext4; rmdir ${host.file.stateDir}/images ${host.file.stateDir}/scratch`);
    expect(await host.hostState()).toBe(before);
  });

  it.each([["usr srv"], ["."], ["dev usr srv"]])(
    "of a tar of %s only the content of the top /dev is left out",
    async (paths) => {
      await host.sandbox.root(`
      mkdir -p /mnt/tmp/r/usr/bin /mnt/tmp/r/srv/app/dev /mnt/tmp/r/dev; cd /mnt/tmp/r
      echo x > srv/app/dev/a; echo x > dev/b; tar -cf /mnt/tmp/r.tar ${paths}`);
      const image = await host.ok<Image>("image", "import", "/mnt/tmp/r.tar", "--name", "r");
      expect(await statIn(image, "/srv/app/dev/a")).toMatch(/Size: 2\b/);
      expect(await host.sandbox.root(`debugfs -R 'stat /dev/b' ${host.layout.image(image.id)} 2>&1`)).toMatch(
        /not found/,
      );
    },
  );

  it("what a user namespace can't make arrives by fakeroot: any owner, devices; a tree below the top, lz4, links, capabilities", async () => {
    await host.sandbox.root(`
      mkdir -p /mnt/tmp/r/rootfs/usr/bin /mnt/tmp/r/rootfs/srv/dev; cd /mnt/tmp/r/rootfs
      echo x > usr/bin/a; ln usr/bin/a usr/bin/b; ln -s /etc/hostname usr/bin/c; mkfifo srv/fifo; mknod srv/dev/null c 1 3
      cp /bin/true usr/bin/ping; setcap cap_net_raw=ep usr/bin/ping; chown 70000:80000 usr/bin/a; echo list > ../list.txt
      cd ..; tar --xattrs --xattrs-include='*' -c rootfs list.txt | lz4 -q > /mnt/tmp/r.tar.lz4
      rm rootfs/srv/dev/null; chown 5:6 rootfs/usr/bin/a; tar --xattrs --xattrs-include='*' -c rootfs | lz4 -q > /mnt/tmp/n.tar.lz4`);
    const answer = await host.banger(["image", "import", "/mnt/tmp/r.tar.lz4"]);
    expect(answer.code, answer.stderr).toBe(0);
    expect(answer.stderr).toContain("rootfs/ is the root file system; left out: list.txt");
    const image = answer.json<Image>();
    expect(image.name).toBe("r");
    expect(await statIn(image, "/usr/bin/a")).toMatch(/User:\s+70000\s+Group:\s+80000[\s\S]*Links: 2/);
    expect(await statIn(image, "/srv/dev/null")).toMatch(/Type: character special[\s\S]*01:03/);
    expect(await statIn(image, "/srv/fifo")).toMatch(/Type: FIFO/);
    expect(await statIn(image, "/usr/bin/c")).toMatch(/\/etc\/hostname/);
    expect(answer.stderr).toContain("not kept: extended attributes, the capabilities of 1 files");
    const other = await host.ok<Image>("image", "import", "/mnt/tmp/n.tar.lz4");
    expect(await statIn(other, "/usr/bin/a")).toMatch(/User:\s+5\s+Group:\s+6/);
    expect(await statIn(other, "/usr/bin/ping")).toMatch(/security.capability/);
  });

  it("many small files have their inodes; a size that is too small for the files is said to be", async () => {
    await host.sandbox.root(`
      mkdir -p /mnt/tmp/r/usr/bin; cd /mnt/tmp/r
      for part in $(seq 20); do mkdir usr/$part; (cd usr/$part; seq 1000 | xargs touch); done
      head -c 90000000 /dev/urandom > usr/much; tar -cf /mnt/tmp/r.tar .`);
    const image = await host.ok<Image>("image", "import", "/mnt/tmp/r.tar", "--name", "r", "--size-mib", "160");
    expect(await statIn(image, "/usr/20/1000")).toMatch(/Inode: \d+/);
    const small = await host.banger(["image", "import", "/mnt/tmp/r.tar", "--name", "s", "--size-mib", "80"]);
    expect(small.error()).toMatchObject({ code: "bad_params", details: { field: "size_mib" } });
  });

  it.each([
    ["sbin", "sbin/init", false],
    ["usr/lib/systemd", "usr/lib/systemd/systemd", false],
    ["usr/bin", "usr/bin/true", true],
  ])("an image says when it has no init: one with a program in %s", async (place, program, isSaid) => {
    await host.sandbox.root(`
      mkdir -p /mnt/tmp/i/usr/lib /mnt/tmp/i/usr/bin /mnt/tmp/i/${place}; cd /mnt/tmp/i; ln -s usr/lib lib
      echo x >${program}; tar -cf /mnt/tmp/i.tar .`);
    const { stderr, code } = await host.person(["image", "import", "/mnt/tmp/i.tar", "--size", "64M"]);
    expect({ code, isSaid: stderr.includes("there is no init in it") }).toEqual({ code: 0, isSaid });
  });

  it.each([
    ["image", ["image", "import", "/mnt/tmp/loop"], /is a symbolic link that leads to itself/],
    ["kernel", ["kernel", "import", "/mnt/tmp/loop"], /is a symbolic link that leads to itself/],
    ["image", ["image", "import", "/mnt/tmp/file/below"], /goes through something that is no directory|isn't there/],
  ])("a path of an %s that leads nowhere is said to: %j", async (_, argv, message) => {
    await host.sandbox.root("cd /mnt/tmp; ln -s loop loop; touch file");
    const answer = await host.banger(argv);
    expect(answer.error().message).toMatch(message);
    expect(answer.error().code).not.toBe("internal");
  });

  it.each([
    ["image", "source", ["image", "import", "/mnt/tmp/secret", "--name", "x"]],
    ["image in a closed directory", "source", ["image", "import", "/mnt/tmp/closed/secret", "--name", "x"]],
    ["kernel", "source", ["kernel", "import", "/mnt/tmp/secret", "--modules", "/mnt/tmp"]],
    ["kernel package", "source", ["kernel", "import", "/mnt/tmp/secret.deb"]],
    ["kernel's modules.dep", "modules", ["kernel", "import", "/mnt/tmp/elf", "--modules", "/mnt/tmp/modules"]],
  ])("an unreadable %s is said to be one, with what helps", async (_, field, argv) => {
    await host.sandbox.root(`cd /mnt/tmp; mkdir -m 700 closed; mkdir modules; echo x | tee secret secret.deb closed/secret > modules/modules.dep
      cp ${directory}/elf elf; chmod 644 elf; chmod 0 secret secret.deb modules/modules.dep`);
    const answer = await host.banger(argv);
    expect(answer.error()).toMatchObject({ code: "bad_params", details: { field } });
    expect(answer.error().message).toMatch(/can't be read by the daemon's user \(uid 61000\); make it readable/);
    expect(answer.code).toBe(64);
  });

  it.each(["image", "kernel"])("a file that can't be read though it is there is named: %s", async (noun) => {
    const answer = await host.banger([noun, "import", "/proc/self/mem", "--name", "x"]);
    expect(answer.error()).toMatchObject({
      code: "host_failed",
      message: expect.stringMatching(/source: \/proc\/self\/mem can't be read \(EIO\): .*no ordinary file/) as string,
      details: { field: "source" },
    });
    expect(answer.code).toBe(71);
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

  it("what a killed daemon left half made is gone when a new one runs, also what subordinate ids own", async () => {
    await host.sandbox.root(`
      mkdir -p /mnt/tmp/t/usr/private; truncate -s 2G /mnt/tmp/t/usr/zero; chmod 700 /mnt/tmp/t/usr/private; touch /mnt/tmp/t/usr/private/file
      tar -C /mnt/tmp/t --owner=4 --group=4 -cf /mnt/tmp/slow.tar usr/private usr/zero; rm -r /mnt/tmp/t
      for part in images kernels; do install -d -o owner ${host.file.stateDir}/$part ${host.file.stateDir}/$part/${"de".repeat(32)}.half; done`);
    const child = host.spawnBanger(["image", "import", "/mnt/tmp/slow.tar", "--name", "slow"]);
    const gone = new Promise((resolve) => void child.once("close", resolve));
    // Extracted by an id that the owner isn't, in a directory that it may not open.
    await host.sandbox.root(
      `until [ -e ${host.file.stateDir}/scratch/*/tree/usr/private/file ]; do read -rt 0.01 <> <(:) || true; done`,
    );
    await host.daemon?.end("KILL");
    await gone;
    const daemon = await host.startDaemon();
    for (const half of [/make-/, /without-record-/]) {
      await daemon.logged(
        (record) => record.message === "removed what was half made" && half.test(String(record["path"])),
      );
    }
    expect(
      await host.sandbox.root(`cd ${host.file.stateDir}; ls -A scratch images kernels; pgrep -x tar || true`),
    ).toBe("images:\n\nkernels:\n\nscratch:\n");
    await host.sandbox.root(`cd ${host.file.stateDir}; rm /mnt/tmp/slow.tar; rmdir scratch images kernels`);
    expect(await host.hostState()).toBe(before);
  });
});
