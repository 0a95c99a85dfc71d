import { expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

it.skipIf(noSandbox)(
  `a VM's root disk is 20 GiB at its first command${noSandbox ? ` (${noSandbox})` : ""}`,
  { timeout: 90_000 },
  async () => {
    await using host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web");
    await host.ok("vm", "start", "web");
    const { stdout } = await host.person(["vm", "exec", "web", "--", "df", "-BM", "--output=size", "/"]);
    expect(Number(/(\d+)M$/m.exec(stdout)?.[1])).toBeGreaterThan(19_000);
  },
);
