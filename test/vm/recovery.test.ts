import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { setFault, startFaultyDaemon } from "../support/faults.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const reconciled = (record: { message: string }) => record.message === "reconciled";

describe.skipIf(noSandbox)(`what is killed${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  let before: string;

  beforeEach(async () => {
    host = await Installation.create({ guest: true });
    await host.startHelper();
    await startFaultyDaemon(host);
    await host.ok("vm", "create", "--name", "web");
    await host.ok("network", "up");
    before = await host.hostState();
  });
  afterEach(() => host[Symbol.asyncDispose]());

  it.each(["initrd", "tap", "vmm", "connect"])(
    "the daemon, after step %s of a start: undone or adopted when it is back",
    async (step) => {
      await setFault(host, `vm.start ${step} hold`);
      const starting = host.banger(["vm", "start", "web"]);
      await host.daemon?.logged((record) => record.message === "held");
      await host.daemon?.end("KILL");
      expect((await starting).error()).toMatchObject({ code: "disconnected" });
      const daemon = await startFaultyDaemon(host);
      await daemon.logged(reconciled);
      const vm = await host.ok<Vm>("vm", "show", "web");
      if (["vmm", "connect"].includes(step)) {
        // Its VMM runs: it is let go on, and taken over.
        expect(vm.state).toBe("running");
        expect((await host.banger(["vm", "exec", "web", "--", "true"])).code).toBe(0);
        await host.ok("vm", "kill", "web");
      } else expect(vm).toMatchObject({ state: "stopped", pid: null, error: { code: "step_failed" } });
      expect(await host.hostState()).toBe(before);
    },
  );

  it("the daemon, while a VM runs: the VM runs on and is adopted", async () => {
    const { pid } = await host.ok<Vm>("vm", "start", "web");
    await host.daemon?.end("KILL");
    const daemon = await startFaultyDaemon(host);
    expect(await daemon.logged(reconciled)).toMatchObject({ outcome: "adopted" });
    expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "running", pid });
    expect((await host.banger(["vm", "exec", "web", "--", "hostname"])).json()).toMatchObject({ stdout: "web\n" });
  });

  it("the daemon and the VMM: the record says that it failed", async () => {
    const { pid } = await host.ok<Vm>("vm", "start", "web");
    await host.daemon?.end("KILL");
    await host.sandbox.root(`kill -KILL ${pid}`);
    const daemon = await startFaultyDaemon(host);
    expect(await daemon.logged(reconciled)).toMatchObject({ outcome: "ended" });
    expect(await host.ok("vm", "show", "web")).toMatchObject({
      state: "failed",
      pid: null,
      error: { code: "guest_died" },
    });
    expect(await host.hostState()).toBe(before);
  });

  it("the helper, in a start: what can't be undone is found, and undone when it is back", async () => {
    await setFault(host, "vm.start tap hold");
    const starting = host.banger(["vm", "start", "web"]);
    await host.daemon?.logged((record) => record.message === "held");
    await host.helper?.end("KILL");
    await setFault(host, "none");
    expect((await starting).error()).toMatchObject({ code: "helper_unavailable", details: { step: "vmm" } });
    expect(await host.ok("vm", "show", "web")).toMatchObject({ pid: null });
    expect(await host.hostState()).not.toBe(before);
    const since = host.daemon?.log.length ?? 0;
    await host.startHelper();
    await host.daemon?.logged((record) => record.message === "reconcile completed", since);
    expect(await host.hostState()).toBe(before);
    expect(await host.ok("vm", "start", "web")).toMatchObject({ state: "running" });
  });

  it("the helper, while QEMU starts: QEMU is found by its uid and ended when the helper is back", async () => {
    // It stops itself, so that it can't have answered before the helper is killed.
    await host.replaceQemu("kill -STOP $$");
    const starting = host.banger(["vm", "start", "web"]);
    await host.qemuStopped();
    await host.helper?.end("KILL");
    expect((await starting).error()).toMatchObject({ code: "helper_unavailable" });
    const since = host.daemon?.log.length ?? 0;
    await host.startHelper();
    await host.daemon?.logged((record) => record.message === "reconcile completed", since);
    expect(await host.hostState()).toBe(before);
  });

  it("the helper, while QEMU starts: the VM says that its end waits for the helper, and stops by itself when that is back", async () => {
    await host.replaceQemu("kill -STOP $$");
    const starting = host.banger(["vm", "start", "web"]);
    await host.qemuStopped();
    await host.helper?.end("KILL");
    expect((await starting).error()).toMatchObject({ code: "helper_unavailable" });
    expect(await host.ok<Vm>("vm", "show", "web")).toMatchObject({ state: "stopping" });
    const refused = (await host.banger(["vm", "start", "web"])).error();
    expect(refused).toMatchObject({
      code: "wrong_state",
      details: { hint: expect.stringContaining("helper") as string },
    });
    expect((await host.banger(["vm", "kill", "web"])).error()).toMatchObject({ code: "helper_unavailable" });
    expect((await host.banger(["doctor"])).stdout).toContain("vm web is stopping");
    await host.startHelper();
    await expect.poll(() => host.ok("vm", "show", "web"), { timeout: 20_000 }).toMatchObject({ state: "stopped" });
    expect(await host.hostState()).toBe(before);
  });

  it("the helper, while a VM runs: the VM runs on", async () => {
    const { pid } = await host.ok<Vm>("vm", "start", "web");
    await host.helper?.end("KILL");
    expect((await host.banger(["vm", "exec", "web", "--", "true"])).code).toBe(0);
    await host.startHelper();
    expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "running", pid });
    await host.ok("vm", "kill", "web");
    expect(await host.hostState()).toBe(before);
  });

  it("the VMM, while the guest boots: noticed within a second, with the console's last lines", async () => {
    await setFault(host, "vm.start boot hold");
    const starting = host.banger(["vm", "start", "web"]);
    await host.daemon?.logged((record) => record.message === "held");
    await host.sandbox.root("echo 'the last line' | tee -a /mnt/tmp/installation/state/vms/*/console.log >/dev/null");
    await setFault(host, "none");
    await host.daemon?.logged((record) => record["step"] === "ready" && record["phase"] === "started");
    const killed = Date.now();
    await host.sandbox.root("pkill -KILL qemu-system");
    const failed = await host.daemon?.logged((record) => record["step"] === "ready" && record["phase"] === "failed");
    expect(Date.parse(String(failed?.["time"])) - killed).toBeLessThan(1_000);
    const answer = await starting;
    expect(answer.error()).toMatchObject({ code: "guest_died", details: { step: "ready" } });
    expect(answer.error().details?.["console"]).toContain("the last line");
    expect(await host.hostState()).toBe(before);
  });

  it("the VMM of a running VM: the VM is failed, and what it held is gone", async () => {
    const { pid } = await host.ok<Vm>("vm", "start", "web");
    await host.sandbox.root(`kill -KILL ${pid}`);
    await host.daemon?.logged((record) => record.message === "the VMM ended");
    expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "failed", error: { code: "guest_died" } });
    expect(await host.hostState()).toBe(before);
  });

  it("the helper, then the VMM of a running VM: the helper is asked how when it is back", async () => {
    const { pid } = await host.ok<Vm>("vm", "start", "web");
    await host.helper?.end("KILL");
    await host.sandbox.root(`kill -SEGV ${pid}`);
    await host.daemon?.logged(({ message }) => message.startsWith("the VMM ended while the helper is away"));
    expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "stopping", exit: { how: "unknown" } });
    await host.startHelper();
    await host.daemon?.logged((record) => record.message === "the VMM ended");
    await expect.poll(() => host.ok("vm", "show", "web")).toMatchObject({ state: "failed", exit: { signal: 11 } });
    expect(await host.hostState()).toBe(before);
  });

  it("the VMM, while its start is being recorded: the VM is failed all the same", async () => {
    await setFault(host, "vm.start record hold");
    const starting = host.banger(["vm", "start", "web"]);
    await host.daemon?.logged((record) => record.message === "held");
    await host.sandbox.root("pkill -KILL -x qemu-system-x86; while pgrep -x qemu-system-x86; do :; done");
    await setFault(host, "none");
    await starting;
    await host.daemon?.logged((record) => record.message === "the VMM ended");
    expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "failed", pid: null });
    expect(await host.hostState()).toBe(before);
  });

  it("the guest, by itself: the VM is stopped", async () => {
    await host.ok("vm", "start", "web");
    await host.banger(["vm", "exec", "web", "--", "sh", "-c", "systemctl poweroff --force --force"]);
    await host.daemon?.logged((record) => record.message === "the VMM ended");
    expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "stopped", error: null });
    expect(await host.hostState()).toBe(before);
  });

  it("the CLI, by Ctrl-C: the start is cancelled and undone", async () => {
    await setFault(host, "vm.start vmm hold");
    const child = host.spawnBanger(["vm", "start", "web"]);
    await host.daemon?.logged((record) => record.message === "held");
    await host.sandbox.root("pkill -INT -f 'banger.cjs vm start'");
    const ended = new Promise<number | null>((resolve) => {
      child.once("close", resolve);
    });
    await setFault(host, "none");
    expect(await ended).toBe(130);
    expect(await host.hostState()).toBe(before);
    expect(await host.ok("vm", "show", "web")).toMatchObject({ state: "created", error: { code: "cancelled" } });
  });

  it("the CLI, by SIGKILL: the start is cancelled and undone all the same", async () => {
    await setFault(host, "vm.start vmm hold");
    host.spawnBanger(["vm", "start", "web"]);
    await host.daemon?.logged((record) => record.message === "held");
    await host.sandbox.root("pkill -KILL -f 'banger.cjs vm start'");
    await setFault(host, "none");
    await host.daemon?.logged((record) => record.message === "operation failed");
    expect(await host.hostState()).toBe(before);
  });
});
