import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const configDirectory = "/mnt/tmp/xdg";

describe.skipIf(noSandbox)(`a VM's time${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  const stopped = () => host.ok<Vm>("vm", "wait", "web", "--for", "stopped");
  const writes = (text: string) =>
    host.sandbox.root(`mkdir -p ${configDirectory}/banger; cat > ${configDirectory}/banger/config.toml <<'TOML'
${text}
TOML`);

  beforeAll(async () => {
    host = await Installation.start({ guest: true, env: { XDG_CONFIG_HOME: configDirectory } });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it("is what the owner's config file says, which says where it is wrong", async () => {
    await writes('[defaults]\non_reboot = "halt"');
    const refused = await host.person(["vm", "create", "--name", "web"]);
    expect(refused).toMatchObject({ code: 78 });
    expect(refused.stderr).toContain(
      `${configDirectory}/banger/config.toml:2: defaults.on_reboot: "halt" must be "restart" or "stop"`,
    );
    await writes('[defaults]\non_reboot = "stop"');
    const { stdout } = await host.person(["config", "show"]);
    expect(stdout).toMatch(/^defaults\.on_reboot +stop +\/mnt\/tmp\/xdg\/banger\/config\.toml:2$/m);
    expect(stdout).toMatch(/^defaults\.memory +512M +built-in$/m);
    expect(await host.ok<Vm>("vm", "create", "--name", "web")).toMatchObject({ on_reboot: "stop" });
  });

  it("ends with its guest's reboot, where that is to end it", async () => {
    await host.ok("vm", "start", "web");
    await host.banger(["vm", "exec", "web", "--", "reboot", "-f"]);
    expect(await stopped()).toMatchObject({ generation: 1, exit: { how: "reset" }, error: null, stopped_for: null });
  });

  it("goes on while a shell by ssh is there, and ends when nobody uses it", async () => {
    await host.ok("vm", "set", "web", "--idle", "4s");
    await host.ok("vm", "start", "web", "--wait", "ssh");
    expect(await host.person(["vm", "ssh", "web", "--", "sleep 9; echo there"])).toMatchObject({
      code: 0,
      stdout: "there\n",
    });
    expect(await stopped()).toMatchObject({ stopped_for: "idle", exit: { how: "shutdown" } });
  }, 180_000);

  it("is over when it has run for so long", async () => {
    await host.ok("vm", "set", "web", "--idle", "0", "--ttl", "1s");
    await host.ok("vm", "start", "web");
    expect(await stopped()).toMatchObject({ stopped_for: "ttl", generation: 3, error: null });
    expect((await host.person(["vm", "ls"])).stdout).toMatch(/web .* stopped \(ttl\) /);
    expect((await host.person(["vm", "show", "web"])).stdout).toMatch(/^stopped for +its ttl of 1s was over$/m);
  });
});
