import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import type { Volume } from "../../src/rpc/contract/volume.ts";
import { btrfsState, Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`volumes${noSandbox ? ` (${noSandbox})` : ""}`, { timeout: 240_000 }, () => {
  let host: Installation;
  afterEach(() => host[Symbol.asyncDispose]());

  const inGuest = async (vm: string, script: string) =>
    (await host.person(["vm", "exec", vm, "--", "sh", "-euc", script])).stdout;
  const volume = (name: string) => host.ok<Volume>("volume", "show", name);

  describe("of a host with room", () => {
    beforeEach(async () => {
      host = await Installation.start({ guest: true });
    });

    it("a work disk has what the image has in /home, outlives its VM when that is asked for, and is another VM's then", async () => {
      await host.ok("vm", "create", "--name", "web", "--work-disk", "1G");
      await host.ok("vm", "start", "web", "--wait", "booted");
      expect(await inGuest("web", "findmnt -no TARGET,FSTYPE,OPTIONS /home")).toMatch(/^\/home +ext4 +rw,nodev/);
      // As systemd sees it, and nothing of how it came about is left.
      expect(await inGuest("web", "systemctl is-active home.mount; ls -A /home; stat -c '%a %u' /home")).toBe(
        "active\nlost+found\n755 0\n",
      );
      await inGuest("web", "useradd -m ada; echo kept >/home/ada/note; sync");
      await host.ok("vm", "stop", "web");
      expect((await host.person(["vm", "delete", "--keep-work", "web"])).stderr).toContain(
        "`banger vm create --volume web:/home`",
      );
      expect(await volume("web")).toMatchObject({ used_by: null, size_mib: 1024 });
      await host.ok("vm", "create", "--name", "next", "--volume", "web:/home");
      await host.ok("vm", "start", "next");
      expect(await inGuest("next", "cat /home/ada/note; stat -c %u /home/ada")).toBe("kept\n1000\n");
      // It is the volume's now: no VM takes it along.
      expect((await host.banger(["volume", "rm", "web"])).error()).toMatchObject({ code: "in_use" });
      await host.ok("vm", "delete", "--force", "next");
      await host.ok("volume", "rm", "web");
      expect(await host.ok("volume", "ls")).toEqual({ volumes: [] });
      expect(await host.sandbox.root(`ls ${host.file.stateDir}/volumes ${host.file.stateDir}/scratch`)).not.toMatch(
        /raw|volume-/,
      );
    });

    it("are found by what they are, mounted where they belong, and filled from the image once", async () => {
      const volumes = ["inner:/srv/my data/inner:64M", "outer:/srv/my data:64M", "etc:/etc/ssh:64M"];
      await host.ok("vm", "create", "--name", "web", ...volumes.flatMap((one) => ["--volume", one]));
      const began = await host.ok<Vm>("vm", "start", "web");
      expect(began.volumes?.map(({ name, path }) => [name, path])).toEqual([
        ["inner", "/srv/my data/inner"],
        ["outer", "/srv/my data"],
        ["etc", "/etc/ssh"],
      ]);
      const spans = (await host.person(["trace", "show", "last"])).stdout;
      expect(spans).toMatch(/boot\.volumes/);
      const serialAt = (path: string) =>
        inGuest("web", `cat "/sys/block/$(basename "$(findmnt -no SOURCE '${path}')")/serial"`);
      for (const { id, path } of began.volumes ?? []) expect((await serialAt(path)).trim()).toBe(id);
      // sshd's files, with the host key that init put there: into the volume, and not below it.
      expect(await inGuest("web", "cd /etc/ssh; test -s sshd_config; ls ssh_host_ed25519_key")).toContain("ssh_host");
      await inGuest("web", "rm /etc/ssh/moduli; touch '/srv/my data/inner/deep' '/srv/my data/flat'");
      await host.ok("vm", "restart", "web");
      expect(await inGuest("web", "ls -A '/srv/my data' '/srv/my data/inner'; test ! -e /etc/ssh/moduli")).toBe(
        "/srv/my data:\nflat\ninner\nlost+found\n\n/srv/my data/inner:\ndeep\nlost+found\n",
      );
    });

    it("grow with their disks, and are mended before they are mounted", async () => {
      await host.ok("volume", "create", "data", "--size", "128M");
      await host.ok("vm", "create", "--name", "web", "--volume", "data:/data");
      await host.ok("vm", "start", "web");
      await inGuest("web", "echo there >/data/file; echo other >/data/other; sync");
      await host.ok("vm", "stop", "web");
      const { id } = await volume("data");
      await host.ok("volume", "set", "data", "--size", "1G");
      await host.sandbox.root(`
        debugfs -w -R 'set_inode_field /file links_count 7' ${host.layout.volume(id)}
        debugfs -w -R 'ssv state 2' ${host.layout.volume(id)}`);
      await host.ok("vm", "start", "web");
      expect(await inGuest("web", "stat -c %h /data/file; cat /data/other")).toBe("1\nother\n");
      for (;;) if (Number(await inGuest("web", "df -BM --output=size /data | tr -dc 0-9")) > 900) break;
    });

    it("whose place can't be made, or that can't be filled, end the start by name, and leave the VM as it was", async () => {
      await host.ok("vm", "create", "--name", "web", "--volume", "data:/etc/passwd/data:64M");
      const start = async () => (await host.banger(["vm", "start", "web"])).error();
      const first = await start();
      expect(first).toMatchObject({ code: "guest_died" });
      expect(JSON.stringify(first)).toContain("make the place of volume /etc/passwd/data: Not a directory");
      await host.ok("vm", "set", "web", "--no-volume", "data", "--volume", "data:/usr/lib/x86_64-linux-gnu");
      const second = await start();
      expect(JSON.stringify(second)).toContain("fill volume /usr/lib/x86_64-linux-gnu: No space left on device");
      expect(await host.ok<Vm>("vm", "show", "web")).toMatchObject({ state: "created" });
      // With room it is begun again: nothing is half there.
      await host.ok("volume", "set", "data", "--size", "1G");
      await host.ok("vm", "start", "web");
      const listed = (root: string) => `
        cd ${root}/usr/lib/x86_64-linux-gnu; md5sum libc.so.6
        find . -mindepth 1 -path ./lost+found -prune -o -type d -printf '%p %m %U %G %T@\\n' -o -printf '%p %m %U %G %T@ %y %s %l\\n' | sort`;
      const filled = await inGuest("web", listed(""));
      expect(filled.split("\n").length).toBeGreaterThan(300);
      // The root disk by itself, without what is mounted on it.
      expect(filled).toBe(await inGuest("web", `mount --bind / /mnt; ${listed("/mnt")}`));
      expect(await inGuest("web", "ls -A /usr/lib/x86_64-linux-gnu")).not.toContain(".banger");
    });

    it("never lie outside of the root disk, wherever its image's links lead", async () => {
      await host.ok("vm", "create", "--name", "web");
      await host.ok("vm", "start", "web");
      await inGuest("web", "ln -s ../../../../../../var/tmp /srv/out; ln -s /proc/1/root/opt /srv/proc; sync");
      await host.ok("vm", "stop", "web");
      await host.ok("vm", "set", "web", "--volume", "data:/srv/out/data:64M");
      await host.ok("vm", "start", "web");
      expect(await inGuest("web", "findmnt -no TARGET -S /dev/vdb")).toBe("/var/tmp/data\n");
    });
  });

  it("that find the host full stand the guest still, which goes on when there is room", async () => {
    host = await Installation.create({ guest: true, mountState: btrfsState(400) });
    await host.startHelper();
    await host.startDaemon();
    await host.ok("vm", "create", "--name", "web", "--volume", "data:/data:1G");
    await host.ok("vm", "start", "web");
    const fill = `${host.file.stateDir}/fill`;
    const script = "echo there; read -r _; head -c 20M /dev/urandom > /data/big && sync";
    const writing = host.spawnBanger(["vm", "exec", "-i", "web", "--", "sh", "-c", script]);
    const written = new Promise((resolve) => void writing.once("close", resolve));
    await new Promise((resolve) => void writing.stdout?.once("data", resolve));
    await host.sandbox.root(`head -c 1G /dev/zero > ${fill} 2>/dev/null || sync`);
    expect((await host.banger(["volume", "create", "more"])).error()).toMatchObject({ code: "no_space" });
    writing.stdin?.end("go\n");
    const until = async (health: Vm["health"]) => {
      for (;;) if ((await host.ok<Vm>("vm", "show", "web")).health === health) return;
    };
    await until("no_space");
    await host.sandbox.root(`rm ${fill}; sync`);
    await until("ok");
    await written;
    expect(await inGuest("web", "stat -c %s /data/big")).toBe(`${20 * 2 ** 20}\n`);
    expect(await host.ok("volume", "ls")).toMatchObject({ volumes: [{ name: "data" }] });
  });
});
