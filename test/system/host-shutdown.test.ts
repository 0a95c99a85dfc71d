import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";
import { Services } from "../support/services.ts";

describe.skipIf(noSandbox)(`a host that shuts down${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let services: Services;
  beforeAll(async () => {
    host = await Installation.create({ systemd: true, guest: true });
    services = await Services.install(host);
    // As in vmm-units.test.ts: half of a host's cgroups kill no whole group.
    await services.edit("bangerd-root.service", "[Service]\nKillMode=process");
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it("asks its guests to go, also after a reload, before it ends the services that ask them", async () => {
    const { id } = await host.ok<{ id: string }>("vm", "create", "--name", "web", "--memory-mib", "256");
    await host.ok("vm", "start", "web");
    // What a shutdown begins with: all that isn't needed for the rest of it is stopped, in order.
    await host.sandbox.root(`cat > /run/systemd/system/test-shutdown.target <<'UNIT'
[Unit]
DefaultDependencies=no
Requires=shutdown.target
After=shutdown.target
UNIT
      systemctl daemon-reload`);
    await services.systemctl("start", "test-shutdown.target");
    expect(await services.property("bangerd.service", "ActiveState")).toBe("inactive");
    expect(await host.sandbox.root("pgrep -x qemu-system-x86 || true")).toBe("");
    expect(await host.sandbox.root(`tail -n 3 ${host.layout.vm(id).consoleLog}`)).toContain("reboot: Power down");

    await services.systemctl("start", "bangerd-root.socket", "bangerd.socket");
    // The services may have ended before all was taken away that it held: the next ones do that.
    await expect
      .poll(() => host.ok("vm", "show", "web"), { timeout: 20_000 })
      .toMatchObject({ state: "stopped", error: null, exit: { how: "shutdown", asked_by: "unit" } });
  });
});
