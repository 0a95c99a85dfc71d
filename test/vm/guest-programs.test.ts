import { describe, expect, it } from "vitest";
import { cpioArchive } from "../../src/daemon/kernel/cpio.ts";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`the guest's programs${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  it("are this version's, also where the kernel's initrd brings others", async () => {
    await using host = await Installation.start({ guest: true });
    const { kernel } = await host.ok<Vm>("vm", "create", "--name", "web");
    const { initrd } = host.layout.kernel(kernel.id);
    const others = cpioArchive([
      { path: "init", mode: 0o755, content: Buffer.alloc(300_000, "not a program\n") },
      { path: "banger", mode: 0o755 },
      { path: "banger/agent", mode: 0o755, content: Buffer.alloc(300_000, "not one either\n") },
    ]);
    await host.sandbox.run(["bash", "-c", `cat ${initrd} - > /mnt/tmp/initrd`], { as: "root", input: others });
    await host.sandbox.root(`chmod 444 /mnt/tmp/initrd; mount --bind /mnt/tmp/initrd ${initrd}`);
    await host.ok("vm", "start", "web");
    expect(await host.ok("vm", "exec", "web", "--", "true")).toMatchObject({ exit_code: 0 });
  });
});
