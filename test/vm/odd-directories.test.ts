import { expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

/** What a shell, QEMU's options, ssh's, a pattern or a table of mounts each would take for something else. */
const directory = "/mnt/tmp/a b,c=d:e%f'g$h*;[i]~ü/-j";
const checkout = "/mnt/tmp/check out,k'l%m";

it.skipIf(noSandbox)(
  `a guest boots, runs commands and is reached by ssh below directories of odd names, whatever the umask${noSandbox ? ` (${noSandbox})` : ""}`,
  async () => {
    await using host = await Installation.create({ guest: true, directory });
    await host.sandbox.root(`mkdir "${checkout}"; mount --bind /mnt/banger "${checkout}"`);
    await host.startHelper({ umask: "077", program: `${checkout}/bin/bangerd-root` });
    await host.startDaemon({}, ["sh", "-c", 'umask 077; exec "$0"', `${checkout}/bin/bangerd`]);
    await host.ok("vm", "create", "--name", "web");
    await host.ok("vm", "start", "web");
    const run = async (...argv: string[]) => (await host.person(argv)).stdout;
    expect(await run("vm", "exec", "web", "--", "cat", "/etc/hostname")).toBe("web\n");
    expect(await host.person(["vm", "ssh", "web", "--", "cat", "/etc/hostname"])).toMatchObject({
      code: 0,
      stdout: "web\n",
      stderr: "",
    });
    await host.ok("vm", "kill", "web");
    await host.ok("vm", "delete", "web");
  },
  60_000,
);

it.skipIf(noSandbox)(
  `a guest boots where the daemon's run directory lies in its state directory${noSandbox ? ` (${noSandbox})` : ""}`,
  async () => {
    await using host = await Installation.create({ guest: true });
    const { stateDir, runDir } = host.file;
    await host.sandbox.root(
      `install -d -o owner -m 700 ${stateDir}/run; sed -i 's|"${runDir}"|"${stateDir}/run"|' ${host.config}`,
    );
    await host.startHelper();
    await host.startDaemon();
    await host.ok("vm", "create", "--name", "web");
    await host.ok("vm", "start", "web");
    expect((await host.person(["vm", "exec", "web", "--", "cat", "/etc/hostname"])).stdout).toBe("web\n");
    await host.ok("vm", "kill", "web");
    await host.ok("vm", "delete", "web");
  },
  60_000,
);
