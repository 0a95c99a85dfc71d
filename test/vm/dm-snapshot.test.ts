import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { noDeviceMapper } from "../support/device-mapper.ts";
import { Installation } from "../support/installation.ts";

type Shown = Vm & { disk_used_mib: number | null };

const suite = `a VM whose root disk is a dm-snapshot${noDeviceMapper ? ` (${noDeviceMapper})` : ""}`;
describe.skipIf(noDeviceMapper)(suite, { timeout: 600_000 }, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.create({ guest: true, stateMib: 400 });
    await host.startHelper();
    await host.startDaemon();
    await host.ok("vm", "create", "--name", "web", "--disk-kind", "dm-snapshot");
  });
  afterEach(async () => {
    // Devices are the whole host's: a sandbox doesn't end them.
    await host.banger(["vm", "kill", "web"]);
    await host[Symbol.asyncDispose]();
  });

  const inGuest = async (...argv: string[]) => (await host.person(["vm", "exec", "web", "--", ...argv])).stdout;
  const show = () => host.ok<Shown>("vm", "show", "web");
  const until = async (health: Vm["health"]) => {
    for (;;) if ((await show()).health === health) return;
  };
  const sizeMib = async () => Number(/(\d+)M$/m.exec(await inGuest("df", "-BM", "--output=size", "/"))?.[1]);
  const growsTo = async (mib: number) => {
    for (;;) if ((await sizeMib()) > mib) return;
  };
  const fill = () => `${host.file.stateDir}/fill`;
  const devices = () => host.sandbox.root("cat /sys/block/dm-*/dm/uuid 2>/dev/null || true");

  it("keeps what its guest wrote, grows under it and at rest, takes what was written, and leaves no device", async () => {
    expect(await host.ok<Vm>("vm", "start", "web")).toMatchObject({
      disk_kind: "dm-snapshot",
      disk_why: "it was asked for",
    });
    const { id, disk_used_mib: used } = await show();
    expect(await devices()).toBe(`${host.layout.diskDevice(id).uuid}\n`);
    expect(used).toBeLessThan(200);
    // Its file system is the guest's, which nothing on the host looks at.
    expect(await host.sandbox.root("for dm in /sys/block/dm-*; do udevadm info $dm; done")).not.toMatch(/ID_FS_|LVM/);
    await inGuest("sh", "-c", "head -c 8M /dev/urandom > /kept; sha256sum /kept > /kept.sum; sync");
    expect((await show()).disk_used_mib).toBeGreaterThanOrEqual(8);
    await host.ok("vm", "set", "web", "--disk", "24G");
    await growsTo(23_000);
    const atItsEnd = "dd if=/dev/urandom of=/dev/vda bs=1M count=1 seek=24575 conv=fsync && echo written";
    expect(await inGuest("sh", "-c", atItsEnd)).toBe("written\n");
    await host.ok("vm", "stop", "web");
    expect(await devices()).toBe("");
    await host.ok("vm", "set", "web", "--disk", "28G");
    await host.ok("vm", "start", "web");
    await growsTo(27_000);
    expect(await inGuest("sha256sum", "-c", "/kept.sum")).toBe("/kept: OK\n");
  });

  it("stands still before the host is full, also for the next daemon, and goes on when there is room", async () => {
    await host.ok("vm", "start", "web");
    await host.sandbox.root(`head -c 1G /dev/zero > ${fill()} 2>/dev/null || true`);
    await until("no_space");
    await host.daemon?.end("KILL");
    await host.startDaemon();
    await until("no_space");
    await host.sandbox.root(`rm ${fill()}`);
    await until("ok");
    expect(await inGuest("echo", "well")).toBe("well\n");
  });

  it("whose guest was quicker than that stands still, has its disk mended, and loses nothing", async () => {
    await host.ok("vm", "start", "web");
    await inGuest("sh", "-c", "head -c 4M /dev/urandom > /kept; sha256sum /kept > /kept.sum; sync");
    const script = "echo there; read -r _; head -c 16M /dev/urandom > /big; sync; sha256sum /big > /big.sum; sync";
    const writing = host.spawnBanger(["vm", "exec", "-i", "web", "--", "sh", "-c", script]);
    await new Promise((resolve) => void writing.stdout?.once("data", resolve));
    writing.stdin?.end("go\n");
    // Nobody looks while the guest writes.
    await host.daemon?.end("KILL");
    await host.sandbox.root(`head -c 1G /dev/zero > ${fill()} 2>/dev/null || true`);
    await host.sandbox.root(`until dmsetup status | grep -q Invalid; do read -rt 0.1 <> <(:) || true; done`);
    await host.startDaemon();
    await until("no_space");
    await host.sandbox.root(`rm ${fill()}`);
    await until("ok");
    expect(host.daemon?.log.map(({ message }) => message)).toContain(
      "the kernel had given up the guest's disk; it was mended",
    );
    expect(await inGuest("sha256sum", "-c", "/kept.sum")).toBe("/kept: OK\n");
    await host.ok("vm", "stop", "web");
    await host.ok("vm", "start", "web");
    expect(await inGuest("sha256sum", "-c", "/kept.sum")).toBe("/kept: OK\n");
    expect((await host.person(["vm", "logs", "web"])).stdout).not.toMatch(/EXT4-fs error|I\/O error/);
  });
});
