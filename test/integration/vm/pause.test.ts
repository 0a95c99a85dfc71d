import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

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

describe("a VM that is shown", () => {
  it("is said to have a silent agent as soon as that doesn't answer", async () => {
    const show = () => host.services.vms.show("web");
    expect(await show()).toMatchObject({ health: "ok" });
    vmm().agent.manner = "silent";
    const began = performance.now();
    expect(await show()).toMatchObject({ health: "agent_silent" });
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
