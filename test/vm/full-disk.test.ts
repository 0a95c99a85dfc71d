import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { setFault, startFaultyDaemon } from "../support/faults.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`a host's disk that is full${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.create({ guest: true, stateMib: 256 });
    await host.startHelper();
    await host.startDaemon();
    for (const name of ["web", "idle"]) {
      await host.ok("vm", "create", "--name", name);
      await host.ok("vm", "start", name);
    }
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const fillFile = () => `${host.file.stateDir}/fill`;
  const fill = () => host.sandbox.root(`head -c 1G /dev/zero > ${fillFile()} 2>/dev/null || true`);
  /** Resolves when the VM is as `fits` says. */
  const until = async (name: string, fits: (vm: Vm) => boolean): Promise<Vm> => {
    for (;;) {
      const vm = await host.ok<Vm>("vm", "show", name);
      if (fits(vm)) return vm;
    }
  };

  it("stands a guest that writes still, which is shown, and lets it go on when there is room", async () => {
    // It runs before the disk is full: a guest that stands still already would be refused a command.
    const script = "echo there; read -r _; head -c 20M /dev/urandom > /big && sync";
    const writing = host.spawnBanger(["vm", "exec", "-i", "web", "--", "sh", "-c", script]);
    const written = new Promise((resolve) => void writing.once("close", resolve));
    await new Promise((resolve) => void writing.stdout?.once("data", resolve));
    await fill();
    writing.stdin?.end("go\n");
    expect(await until("web", ({ health }) => health === "no_space")).toMatchObject({ state: "running" });
    const refused = await host.banger(["vm", "exec", "web", "--", "true"]);
    expect(refused.error()).toMatchObject({
      code: "no_space",
      message: expect.stringContaining("stands still") as string,
    });
    await host.sandbox.root(`rm ${fillFile()}`);
    expect(await written).toBe(0);
    for (const name of ["web", "idle"]) await until(name, ({ health }) => health === "ok");
  });

  it("keeps no VM from being stopped, killed and deleted, by a daemon that was started on it too", async () => {
    await fill();
    // Where the guest itself writes something, it stands still, and its command with it.
    const printing = host.banger(["vm", "exec", "idle", "--", "sh", "-c", "seq 99999 > /dev/ttyS0"]);
    let printed = false;
    const over = printing.finally(() => (printed = true));
    await Promise.race([over, until("idle", ({ health }) => printed || health === "no_space")]);
    await host.daemon?.end("KILL");
    await host.startDaemon();
    expect(await host.ok("vm", "stop", "idle", "--timeout-s", "3")).toMatchObject({ state: "stopped" });
    await fill();
    expect(await host.ok("vm", "kill", "web")).toMatchObject({ state: "stopped", exit: { how: "killed" } });
    const refused = await host.banger(["vm", "start", "web"]);
    expect(refused.error().code).toBe("no_space");
    await host.ok("vm", "delete", "web");
    await host.ok("vm", "delete", "idle");
    expect(await host.ok("vm", "ls")).toEqual({ vms: [] });
    await printing;
  });
});

describe.skipIf(noSandbox)(`a host's disk that fills up while a VM starts${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;
  beforeAll(async () => {
    host = await Installation.create({ guest: true, stateMib: 256 });
    await host.startHelper();
    await startFaultyDaemon(host);
    await host.ok("vm", "create", "--name", "web");
    await host.ok("network", "up");
    before = await host.hostState();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  // Each is before something that takes space: the initrd, the console's log, the guest's own writing, the record.
  it.each(["preflight", "nat", "initrd", "tap", "vmm", "connect", "ready"])(
    "after step %s: the VM runs, or the error says it and nothing is left",
    { timeout: 120_000 },
    async (step) => {
      const since = host.daemon?.log.length ?? 0;
      await setFault(host, `vm.start ${step} hold`);
      const starting = host.banger(["vm", "start", "web"]);
      await host.daemon?.logged(({ message }) => message === "held", since);
      await host.sandbox.root(`
        cd ${host.file.stateDir}; head -c 1G /dev/zero > fill 2>/dev/null || true
        until ! head -c 4096 /dev/urandom >> fill; do :; done 2>/dev/null`);
      await setFault(host, "none");
      const answer = await starting;
      const vm = await host.ok<Vm>("vm", "show", "web");
      if (answer.code === 0) {
        expect(vm).toMatchObject({ state: "running" });
        await host.ok("vm", "kill", "web");
      } else {
        expect(answer.error().code).toBe("no_space");
        expect(vm).toMatchObject({ pid: null, error: { code: "no_space" } });
        expect(["created", "stopped"]).toContain(vm.state);
      }
      await host.sandbox.root(`rm ${host.file.stateDir}/fill`);
      expect(await host.ok("system", "reconcile", "--dry-run")).toEqual({ items: [] });
      expect(await host.hostState()).toBe(before);
      expect(host.daemon?.over).toBe(false);
    },
  );

  it("starts when there is room", async () => {
    expect(await host.ok("vm", "start", "web")).toMatchObject({ state: "running", error: null });
  });
});
