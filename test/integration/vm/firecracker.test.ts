import { statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

const mib = 2 ** 20;
const [plenty, low] = [2 ** 40, 2 ** 28];
let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
  host.installFirecracker();
  await host.create("web", { disk_kind: "copy" });
});
afterEach(() => host[Symbol.asyncDispose]());

const vmmOf = ({ id }: Pick<Vm, "id">) => {
  const running = host.helper.vmms.get(id);
  if (running === undefined) throw new Error(`no VMM of ${id} runs`);
  return running.firecracker;
};
const restartDaemon = async () => {
  host.endDaemon();
  await host.startDaemon();
};

describe("a VM that Firecracker runs", () => {
  it("starts, runs a command, stops and is deleted", async () => {
    const vm = await host.start("web");
    expect(vm).toMatchObject({ state: "running", health: "ok", vmm: "firecracker", accel: "kvm" });
    expect(await host.exec("web")).toEqual({ exit_code: 0, signal: null });
    vmmOf(vm).agent.onShutdown = () => void host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    expect(await host.stop("web", 5)).toMatchObject({ state: "stopped", exit: { how: "shutdown", status: 0 } });
    await host.delete("web", false);
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  });

  it("shows each request of its start in the trace, below the step that makes it", async () => {
    await host.start("web");
    const parentOf = (name: string) => {
      const { parent_span_id } = host.spans.find((span) => span.name === name) ?? {};
      return host.spans.find(({ span_id }) => span_id === parent_span_id)?.name;
    };
    for (const name of ["GET /version", "PUT /drives/{drive_id}", "PUT /boot-source"])
      expect([name, parentOf(name)]).toEqual([name, "step vmm"]);
    expect(parentOf("GET /")).toBe("step connect");
    expect(parentOf("PUT /actions")).toBe("step boot");
  });

  it("is paused and goes on, over daemons, and its agent answers", async () => {
    const vm = await host.start("web");
    expect(await host.pause("web")).toMatchObject({ state: "running", health: "paused" });
    await restartDaemon();
    expect(host.show("web")).toMatchObject({ state: "running", health: "paused" });
    expect(await host.resume("web")).toMatchObject({ health: "ok" });
    expect(await host.exec("web")).toEqual({ exit_code: 0, signal: null });
    expect(vmmOf(vm).agent.timesSet).toBeGreaterThan(1);
  });

  it("stands still before the host's disk is full, for the next daemon too, and goes on when there is room", async () => {
    await host.start("web");
    host.room = { free: low - 1, low };
    await host.until("web", ({ health }) => health === "no_space");
    await restartDaemon();
    await host.until("web", ({ health }) => health === "no_space");
    await expect(host.resume("web")).rejects.toMatchObject({ code: "no_space" });
    host.room = { free: plenty, low };
    await host.until("web", ({ health }) => health === "ok");
  });

  it("has its disk's file made larger before it is told", async () => {
    const vm = await host.start("web");
    expect(await host.set("web", { disk_mib: 30_720 })).toMatchObject({ disk_mib: 30_720 });
    const disk = host.layout.vm(vm.id).rootDisk.raw;
    expect(statSync(disk).size).toBe(30_720 * mib);
    expect(vmmOf(vm).machine.changedDisks).toEqual([`root ${disk}`]);
  });

  it("is told by its console how it ended", async () => {
    const vm = await host.start("web");
    host.prints(vm, "[    9.0] Kernel panic - not syncing: no\n");
    await host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    expect(await host.until("web", ({ state }) => state === "failed")).toMatchObject({ exit: { how: "panic" } });
  });

  it.each<[string, (vmm: ReturnType<typeof vmmOf>) => Promise<void>]>([
    ["closes its connection", async ({ agent }) => agent.close()],
    ["only stands still, as the next daemon finds", restartDaemon],
  ])("is over when its guest has halted, whose agent %s", async (_, falls) => {
    const vm = await host.start("web");
    host.prints(vm, "[    9.0] reboot: System halted\n");
    expect(host.show("web")).toMatchObject({ state: "running", health: "ok" });
    const running = vmmOf(vm);
    running.machine.listens = false;
    await falls(running);
    expect(await host.until("web", ({ state }) => state === "stopped")).toMatchObject({
      error: null,
      exit: { how: "shutdown" },
    });
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  });

  it("runs on when its agent is silent and its console says nothing of a halt, or says it no more", async () => {
    const vm = await host.start("web");
    host.prints(vm, "[    9.0] reboot: System halted\nlogin: ");
    vmmOf(vm).machine.listens = false;
    vmmOf(vm).agent.close();
    await host.until("web", ({ health }) => health === "agent_silent");
    vmmOf(vm).machine.listens = true;
    expect(await host.until("web", ({ health }) => health === "ok")).toMatchObject({ state: "running" });
  });

  it("is pressed to go by ctrl-alt-del when its agent doesn't answer", async () => {
    const vm = await host.start("web");
    vmmOf(vm).agent.manner = "stays";
    vmmOf(vm).machine.onCtrlAltDel = () => void host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    expect(await host.stop("web", 1)).toMatchObject({ state: "stopped", stopped_by: "power_button" });
  });

  it("goes with a start that was cut off before Firecracker knew what to run", async () => {
    host.helper.onStarted = (started) => {
      if ("api" in started) started.api.unanswered.add("PUT /balloon");
    };
    const starting = host.start("web").catch(() => undefined);
    await expect.poll(() => host.helper.vmms.get(host.show("web").id)?.firecracker.api.asked).toContain("PUT /balloon");
    host.helper.onStarted = () => undefined;
    await restartDaemon();
    await host.until("web", ({ state }) => state === "failed" || state === "stopped");
    expect(host.helper.vmms.size).toBe(0);
    await starting;
    expect(await host.start("web")).toMatchObject({ state: "running", generation: 2 });
  });
});
