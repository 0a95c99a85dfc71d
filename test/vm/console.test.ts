import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const console = "/mnt/tmp/installation/state/vms/*/console.log";

describe.skipIf(noSandbox)(`the console of a guest${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let vm: Vm;
  beforeEach(async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web");
    vm = await host.ok<Vm>("vm", "start", "web");
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const guest = async (script: string) => {
    const { code, stderr } = await host.banger(["vm", "exec", "web", "--", "sh", "-c", script]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  };
  const logger = `$(pgrep -P $(awk '/^PPid:/ { print $2 }' /proc/$vmm/status) -x console-log)`;
  const root = (script: string) => host.sandbox.root(`vmm=${vm.pid}; ${script}`);

  it("is written down while daemon and helper are away", async () => {
    await guest("setsid -f sh -c 'sleep 3; echo said meanwhile >/dev/ttyS0' >/dev/null 2>&1 </dev/null");
    await host.daemon?.end("KILL");
    await host.helper?.end("KILL");
    await root(`until grep -q 'said meanwhile' ${console}; do sleep 0.1; done`);
    expect(await root("stat -c %U " + console)).toBe("owner\n");
  });

  it("stays below 1 MiB however much the guest prints", async () => {
    await guest("head -c 1600000 /dev/zero | tr '\\0' x >/dev/ttyS0; echo the end >/dev/ttyS0");
    await root(`until grep -q 'the end' ${console}; do sleep 0.1; done`);
    expect(await root(`find ${console}* -size +512k`)).toBe("");
    expect(await root(`head -c 80 ${console}`)).toMatch(/^\[banger: 524288 bytes of the console were cut here\]\n/);
  }, 120_000);

  it.each([
    ["is killed", `kill -KILL ${logger}`],
    ["stands still", `kill -STOP ${logger}`],
  ])(
    "ends no VM whose logger %s",
    async (_, end) => {
      await root(end);
      // Where nobody reads, whoever prints in the guest waits; nothing else does.
      await guest("setsid -f seq 30000 >/dev/ttyS0 2>/dev/null </dev/null");
      await guest("true");
      expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "running", pid: vm.pid });
      await host.ok("vm", "kill", "web");
      expect(await root("pgrep -x 'console-log|vmm-words|qemu-system-x86' || true")).toBe("");
    },
    120_000,
  );
});
