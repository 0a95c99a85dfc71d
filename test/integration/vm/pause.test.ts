import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { type Asking, ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
let vm: Vm;
beforeEach(async () => {
  host = await ScriptedHost.start();
  await host.create("web");
  vm = await host.start("web");
});
afterEach(() => host[Symbol.asyncDispose]());

const vmm = () => {
  const running = host.helper.vmms.get(vm.id);
  if (running === undefined) throw new Error("its VMM is gone");
  return running.vmm;
};

const list = (watch: boolean, asking?: Asking) =>
  host.ask(({ vms }, request) => vms.listOrWatch({ watch, label: [], state: [] }, request), asking);

describe("a VM that is paused", () => {
  it("is shown so, refuses commands, and goes on with its clock set", async () => {
    expect(await host.pause("web")).toMatchObject({ state: "running", health: "paused" });
    await expect(host.exec("web")).rejects.toMatchObject({ code: "wrong_state" });
    const set = vmm().agent.timesSet;
    expect(await host.resume("web")).toMatchObject({ state: "running", health: "ok" });
    expect(vmm().agent.timesSet).toBe(set + 1);
    expect(await host.exec("web")).toEqual({ exit_code: 0, signal: null });
  });

  it("stays so when it is paused again, and when it goes on again", async () => {
    expect(await host.pause("web")).not.toHaveProperty("unchanged");
    expect(await host.pause("web")).toMatchObject({ health: "paused", unchanged: true });
    expect(await host.resume("web")).not.toHaveProperty("unchanged");
    expect(await host.resume("web")).toMatchObject({ health: "ok", unchanged: true });
    expect(vmm().executed.filter((command) => command === "stop")).toHaveLength(1);
  });

  it("stays so for a daemon that comes back", async () => {
    await host.pause("web");
    host.endDaemon();
    await host.startDaemon();
    expect(host.show("web")).toMatchObject({ state: "running", health: "paused" });
    expect(await host.resume("web")).toMatchObject({ health: "ok" });
  });

  it("is killed as any other", async () => {
    await host.pause("web");
    expect(await host.kill("web")).toMatchObject({ state: "stopped", exit: { how: "killed" } });
  });
});

describe("what can't be paused or resumed", () => {
  it("stands still for want of space", async () => {
    vmm().event("BLOCK_IO_ERROR", { device: "", action: "stop", nospace: true });
    await host.until("web", ({ health }) => health === "no_space");
    await expect(host.pause("web")).rejects.toMatchObject({ code: "no_space" });
    await expect(host.resume("web")).rejects.toMatchObject({ code: "no_space" });
  });

  it("does not run", async () => {
    await host.kill("web");
    await expect(host.pause("web")).rejects.toMatchObject({ code: "wrong_state" });
    await expect(host.resume("web")).rejects.toMatchObject({ code: "wrong_state" });
  });
});

describe("a command in a guest that comes to stand still", () => {
  it("says why it takes so long, and when it goes on", async () => {
    const told: unknown[] = [];
    const caller = new AbortController();
    vmm().agent.commands = "run";
    const running = host.exec("web", {
      signal: caller.signal,
      onEvent: (event, data) => void (event === "progress" && told.push((data as { text: unknown }).text)),
    });
    const begun = Promise.withResolvers<void>();
    vmm().agent.onCommand = () => begun.resolve();
    await begun.promise;
    await host.pause("web");
    await host.resume("web");
    caller.abort(new BangerError("cancelled", "left"));
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
    expect(told).toEqual(["web stands still: it was paused; `banger vm resume` lets it go on", "web goes on"]);
  });
});

describe("a command that a guest doesn't end", () => {
  const sigterm = 15;
  /** Runs one, and when it runs and `happens` has, signals it. */
  const signalled = async (happens: () => Promise<unknown>) => {
    vmm().agent.commands = "run";
    const begun = Promise.withResolvers<void>();
    vmm().agent.onCommand = () => begun.resolve();
    let deliver: (signal: number) => void = () => undefined;
    const running = host.ask(({ guests }, request) =>
      guests.exec(
        { vm: "web", argv: ["true"], env: [], stdin: false },
        { ...request, takeSignals: (take) => (deliver = take) },
      ),
    );
    running.catch(() => undefined);
    await begun.promise;
    await happens();
    deliver(sigterm);
    return running;
  };

  it.each([
    [
      "as it stands still",
      () => host.pause("web"),
      "wrong_state",
      /^the guest has not ended the command: vm web is paused;/,
    ],
    [
      "whyever",
      async () => undefined,
      "deadline_exceeded",
      /^the guest has not ended the command; it may run on there$/,
    ],
  ])(
    "%s is no death of the guest",
    async (_, happens, code, plain) => {
      await expect(signalled(happens)).rejects.toMatchObject({ code, plain: expect.stringMatching(plain) as string });
    },
    20_000,
  );
});

describe("a VM whose agent falls silent", () => {
  it.each<[string, () => Promise<{ readonly health?: Vm["health"] } | undefined>]>([
    ["shown", () => host.services.vms.show("web")],
    ["listed", async () => (await list(false)).vms[0]],
  ])("is %s so as soon as it is looked at", async (_, look) => {
    expect(await look()).toMatchObject({ health: "ok" });
    vmm().agent.manner = "silent";
    const began = performance.now();
    expect(await look()).toMatchObject({ health: "agent_silent" });
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it("is told to whoever watches, and that it answers again", async () => {
    const told: (Vm["health"] | undefined)[] = [];
    const caller = new AbortController();
    const watching = list(true, {
      signal: caller.signal,
      onEvent: (_, data) => void told.push((data as { vms: Vm[] }).vms[0]?.health),
    });
    await expect.poll(() => told).toEqual(["ok"]);
    vmm().agent.manner = "silent";
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(["ok", "agent_silent"]);
    vmm().agent.manner = "answers";
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(["ok", "agent_silent", "ok"]);
    caller.abort(new BangerError("cancelled", "left"));
    await expect(watching).rejects.toMatchObject({ code: "cancelled" });
  });
});
