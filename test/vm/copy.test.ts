import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

describe.skipIf(noSandbox)(`vm cp${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web", "--memory-mib", "192");
    await host.ok("vm", "start", "web");
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const owner = async (script: string) => {
    const ended = await host.sandbox.run(["bash", "--norc", "-euc", script]);
    expect(ended.stderr).toBe("");
    return ended.stdout;
  };
  const guest = async (script: string) => (await host.person(["exec", "web", "--", "sh", "-c", script])).stdout;
  const listing =
    "find . -printf '%P %y %m %n %l\\n' | LC_ALL=C sort; find . -type f -exec sha256sum {} + | LC_ALL=C sort";

  it("takes an odd tree to a guest and back: modes, links, content; and whose it is", async () => {
    await owner(`
      umask 022; mkdir -p /mnt/tmp/tree/"-rf dir"/deep/empty /mnt/tmp/tree/closed; cd /mnt/tmp/tree
      printf x > $'new\\nline'; printf y > $'\\xff\\xfe'; chmod 640 $'new\\nline'
      head -c 3000001 /dev/urandom > large; truncate -s 5M holes; : > nothing
      printf '#!/bin/sh\\n' > run; chmod 755 run; ln run same; ln -s ../outside link; ln -s -- "-rf dir" to-dir
      printf in > closed/in; chmod 500 closed`);
    const as = await owner(`cd /mnt/tmp/tree; ${listing}`);
    expect(await host.person(["cp", "/mnt/tmp/tree", "web:/srv/copy"])).toMatchObject({ code: 0, stdout: "" });
    expect(await guest(`cd /srv/copy; ${listing}`)).toBe(as);
    expect(await guest("stat -c %u:%g /srv/copy /srv/copy/run; ls -A /srv")).toBe("0:0\n0:0\ncopy\n");
    expect(await host.person(["cp", "web:/srv/copy", "/mnt/tmp/back"])).toMatchObject({ code: 0, stdout: "" });
    expect(await owner(`cd /mnt/tmp/back; ${listing}`)).toBe(as);
    expect(
      await owner(
        "stat -c %u:%g /mnt/tmp/back; stat -c %b /mnt/tmp/back/holes; ls -A /mnt/tmp | grep banger-cp || true",
      ),
    ).toBe("61000:61000\n0\n");
  });

  it("takes a pipe's bytes, and gives what is another user's to that user", async () => {
    expect((await host.person(["cp", "web:/etc/os-release", "-"])).stdout).toContain("Debian");
    expect((await host.person(["cp", "-", "web:/tmp/piped"], { input: "piped" })).code).toBe(0);
    expect(await guest("cat /tmp/piped")).toBe("piped");
    await owner("printf mine > /mnt/tmp/file");
    expect((await host.person(["cp", "-u", "nobody", "/mnt/tmp/file", "web:/tmp"])).code).toBe(0);
    expect(await guest("stat -c %U /tmp/file")).toBe("nobody\n");
    expect((await host.person(["cp", "-u", "nobody", "/mnt/tmp/file", "web:/root/x"])).code).not.toBe(0);
    expect((await host.person(["cp", "web:/nowhere", "/mnt/tmp"])).code).toBe(66);
  });

  it("says that the guest's disk is full, and of what has no size that it can be read only", async () => {
    await guest(
      "mkdir -p /mnt/small; mount -t tmpfs -o size=64k none /mnt/small; head -c 64k /dev/zero > /mnt/small/full || true",
    );
    await owner("head -c 100k /dev/zero > /mnt/tmp/more");
    const full = await host.banger(["cp", "/mnt/tmp/more", "web:/mnt/small/more"]);
    expect(full.error()).toMatchObject({ code: "no_space" });
    const sizeless = await host.banger(["cp", "web:/proc/version", "/mnt/tmp/version"]);
    expect(sizeless.error()).toMatchObject({
      code: "bad_params",
      message: expect.stringContaining("no size") as string,
    });
    expect((await host.person(["cp", "web:/proc/version", "-"])).stdout).toContain("Linux version");
    await guest("umount /mnt/small");
  });

  it("says that a directory here may not be entered", async () => {
    const closed = await host.banger(["cp", "web:/etc/hosts", "/root/x"]);
    expect(closed.error()).toMatchObject({ code: "host_failed", message: expect.stringContaining("/root") as string });
  });

  it("leaves nothing half in the guest when banger is killed", async () => {
    const child = host.spawnBanger(["cp", "-", "web:/srv/half"]);
    child.stdin?.write("begun");
    await expect.poll(() => guest("ls -A /srv"), { timeout: 60_000 }).toMatch(/^\.banger-cp\./);
    await host.sandbox.root("pkill -KILL -f 'banger.cjs cp'");
    await expect.poll(() => guest("ls -A /srv"), { timeout: 60_000 }).toBe("");
  });
});
