import { describe, expect, it } from "vitest";
import type { Kernel } from "../../src/rpc/contract/kernel.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`a guest with the least memory${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  it("that its kernel is said to need comes up, each time", async () => {
    await using host = await Installation.start({ guest: true });
    const { least_memory_mib: least } = await host.ok<Kernel>("kernel", "show", "linux");
    expect((await host.person(["kernel", "show", "linux"])).stdout).toContain(`${least} MiB`);
    await host.ok("vm", "create", "--name", "small", "--memory-mib", String(least));
    for (let n = 0; n < 3; n++) {
      await host.ok("vm", "start", "small");
      expect(await host.ok("vm", "exec", "small", "--", "true")).toMatchObject({ exit_code: 0 });
      await host.ok("vm", "kill", "small");
    }
  });
});
