import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`a guest that${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  const show = () => host.ok<Vm>("vm", "show", "web");
  const inGuest = (line: string) => host.banger(["vm", "exec", "web", "--", "sh", "-c", line]);
  const logged = (message: string, since = 0) => host.daemon?.logged((record) => record.message === message, since);
  const lines = () => host.daemon?.log.length ?? 0;

  beforeAll(async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web");
    await host.ok("vm", "start", "web", "--wait", "booted");
  }, 120_000);
  afterAll(() => host[Symbol.asyncDispose]());

  it("has booted is reached by ssh", async () => {
    expect(await host.ok("vm", "wait", "web", "--for", "booted")).toMatchObject({ state: "running" });
    expect(await host.ok("vm", "wait", "web", "--for", "ssh")).toMatchObject({ state: "running" });
  });

  it("is paused stands still, and has the right time when it goes on", async () => {
    expect(await host.ok("vm", "pause", "web")).toMatchObject({ state: "running", health: "paused" });
    expect((await inGuest("true")).error()).toMatchObject({ code: "wrong_state" });
    expect(await host.ok("vm", "pause", "web")).toMatchObject({ unchanged: true });
    await host.sandbox.root("sleep 2");
    expect(await host.ok("vm", "resume", "web")).toMatchObject({ health: "ok" });
    const { stdout } = (await inGuest("date +%s.%N")).json<{ stdout: string }>();
    expect(Math.abs(Number(stdout) - Date.now() / 1000)).toBeLessThan(1.5);
  });

  it.each([
    ["reboots in order", "reboot"],
    ["reboots at once", "reboot -f"],
    ["is reset by its kernel", "echo b > /proc/sysrq-trigger"],
  ])("%s is started again", async (_, command) => {
    const before = await show();
    const since = lines();
    await inGuest(command);
    await logged("the guest rebooted: it is started again", since);
    const vm = await host.ok<Vm>("vm", "wait", "web", "--timeout", "60s");
    expect(vm).toMatchObject({ state: "running", generation: before.generation + 1, error: null });
  });

  it("reboots while the daemon is away is started again when it is back", async () => {
    const before = await show();
    // It goes on by itself when whoever asked has left.
    await inGuest("(sleep 1; reboot -f) >/dev/null 2>&1 &");
    await host.daemon?.end("KILL");
    await host.sandbox.root(`while kill -0 ${before.pid} 2>/dev/null; do sleep 0.1; done`);
    await host.startDaemon();
    expect(await host.ok("vm", "wait", "web", "--timeout", "60s")).toMatchObject({
      state: "running",
      generation: before.generation + 1,
    });
  });

  it("runs is restarted with a trace of its stages", async () => {
    const before = await show();
    expect(await host.ok("vm", "restart", "web")).toMatchObject({
      state: "running",
      generation: before.generation + 1,
      stopped_by: "agent",
    });
    const spans = await host.spansOf(await host.lastOperation());
    const steps = spans
      .map(({ name }) => name)
      .filter((name) => /^step (ask_agent|kill|boot|ready|record)$/.test(name));
    expect(steps.toSorted()).toEqual(["step ask_agent", "step boot", "step ready", "step record"]);
  });

  it("panics is failed within a second, with the console's last lines", async () => {
    const since = lines();
    await inGuest("echo c > /proc/sysrq-trigger");
    await logged("the VMM ended", since);
    const vm = await show();
    expect(vm).toMatchObject({
      state: "failed",
      exit: { how: "panic" },
      error: { message: expect.stringContaining("panicked: sysrq triggered crash") as string },
    });
    expect(vm.error?.console).toContain("sysrq_handle_crash");
    expect((await host.banger(["vm", "wait", "web", "--for", "stopped"])).error()).toMatchObject({
      code: "guest_died",
    });
  });
});
