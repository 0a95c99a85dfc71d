import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { btrfsState, Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";
import { hostOf } from "./lifecycle-suite/columns.ts";

describe.skipIf(noSandbox)(`a VM's root disk${noSandbox ? ` (${noSandbox})` : ""}`, { timeout: 180_000 }, () => {
  let host: Installation;
  afterEach(() => host[Symbol.asyncDispose]());

  const inGuest = async (...argv: string[]) => (await host.person(["vm", "exec", "web", "--", ...argv])).stdout;

  describe("that shares its image's blocks", () => {
    beforeEach(async () => {
      host = await hostOf({ driver: "qemu", state: { mountState: btrfsState(400) } });
    });

    it("that finds the host full stands its guest still, which goes on when there is room", async () => {
      await host.ok("vm", "create", "--name", "web");
      await host.ok("vm", "start", "web");
      const fill = `${host.file.stateDir}/fill`;
      const script = "echo there; read -r _; head -c 20M /dev/urandom > /big && sync";
      const writing = host.spawnBanger(["vm", "exec", "-i", "web", "--", "sh", "-c", script]);
      const written = new Promise((resolve) => void writing.once("close", resolve));
      await new Promise((resolve) => void writing.stdout?.once("data", resolve));
      await host.sandbox.root(`head -c 1G /dev/zero > ${fill} 2>/dev/null || sync`);
      writing.stdin?.end("go\n");
      const until = async (health: Vm["health"]) => {
        for (;;) if ((await host.ok<Vm>("vm", "show", "web")).health === health) return;
      };
      await until("no_space");
      await host.sandbox.root(`rm ${fill}; sync`);
      await until("ok");
      // However long it stood still: whoever waited may have been told that nobody answers.
      await written;
      expect(await inGuest("echo", "well")).toBe("well\n");
      expect(host.daemon?.over).toBe(false);
    });
  });

  it("whose file system has errors is mended before it is mounted, and the console says so", async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web", "--disk-kind", "copy");
    const { id } = await host.ok<Vm>("vm", "show", "web");
    const disk = host.layout.vm(id).rootDisk.raw;
    // As a kernel leaves it that met a fault: it says that there are errors, and an inode's count of links is wrong.
    await host.sandbox.root(`
      debugfs -w -R 'set_inode_field /etc/passwd links_count 7' ${disk}
      debugfs -w -R 'ssv state 2' ${disk}`);
    await host.ok("vm", "start", "web");
    expect(await inGuest("stat", "-c", "%h", "/etc/passwd")).toBe("1\n");
    expect((await host.person(["vm", "logs", "web"])).stdout).toMatch(
      /FILE SYSTEM|Inode \d+ ref count|clean|contains a file system with errors/,
    );
    await host.ok("vm", "stop", "web");
    expect(await host.sandbox.root(`dumpe2fs -h ${disk} 2>/dev/null | grep state`)).toMatch(/: +clean$/m);
  });
});
