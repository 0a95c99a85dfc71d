import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const reconciled = (vm: Pick<Vm, "id">) =>
  host.logged.findLast((record) => record.message === "reconciled" && record["banger.vm.id"] === vm.id)?.["outcome"];

const agentOf = (vm: Pick<Vm, "id">) => {
  const running = host.helper.vmms.get(vm.id);
  if (running === undefined) throw new Error(`no VMM of ${vm.id} runs`);
  return running.vmm.agent;
};

describe("a daemon that comes back", () => {
  it("adopts what runs, also a VM whose agent is silent, which is shown as such and asked again", async () => {
    await host.create("web");
    await host.create("quiet");
    const web = await host.start("web");
    const quiet = await host.start("quiet");
    host.endDaemon();
    agentOf(quiet).manner = "silent";
    await host.startDaemon();
    expect(await host.until("web", ({ health }) => health === "ok")).toMatchObject({ state: "running", pid: web.pid });
    expect(host.show("quiet")).toMatchObject({ state: "running", health: "agent_silent", pid: quiet.pid });
  });

  it("leaves a VMM that doesn't greet running, and reaches it later", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.endDaemon();
    host.helper.qmp = { greets: "not yet" };
    await host.startDaemon();
    expect(reconciled(web)).toBe("unreachable");
    expect(host.show("web")).toMatchObject({ state: "running", health: "unreachable", pid: web.pid });
    await expect(host.exec("web")).rejects.toMatchObject({
      plain: expect.stringContaining("can't be reached") as string,
    });
    host.helper.qmp = "answers";
    await host.until("web", ({ health }) => health === "ok");
  });

  it("says of a VM that it can't reach without the helper that this is away, at once, and reaches it when it is back", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.endDaemon();
    host.helper.away = true;
    await host.startDaemon();
    expect(host.show("web")).toMatchObject({ state: "running", health: "unreachable" });
    const away = { code: "helper_unavailable" };
    await expect(host.exec("web")).rejects.toMatchObject({
      ...away,
      plain: expect.stringContaining("vm web") as string,
    });
    await expect(host.stop("web", 3_000)).rejects.toMatchObject(away);
    expect(host.show("web")).toMatchObject({ state: "running", pid: web.pid });
    await host.helper.reachable();
    await host.until("web", ({ health }) => health === "ok");
    agentOf(web).onShutdown = () => void host.helper.vmmEnds(web.id, { status: 0, signal: null });
    expect(await host.stop("web", 3_000)).toMatchObject({ state: "stopped", exit: { how: "shutdown" } });
  });

  it("is stopped by no leftover that can't be removed", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.endDaemon();
    const foreign = "00000000000000aa";
    host.helper.taps.set(foreign, 1);
    host.helper.trouble.set(`tap.remove ${foreign}`, { fails: new BangerError("already_exists", "isn't banger's") });
    await host.startDaemon();
    expect(reconciled(web)).toBe("adopted");
    expect(host.logged).toContainEqual(expect.objectContaining({ message: "a VM could not be reconciled" }));
    expect(host.show("web").state).toBe("running");
  });

  it.each(["tap.create", "vmm.start"])(
    "finds what a start left that a helper's absence at %s kept from being undone",
    async (method) => {
      await host.create("web");
      host.helper.trouble.set("vmm.stop", { fails: new BangerError("helper_unavailable", "away") });
      host.helper.trouble.set("tap.remove", { fails: new BangerError("helper_unavailable", "away") });
      host.helper.onStarted = () =>
        void host.helper.trouble.set("kvm.probe", { fails: new BangerError("command_failed", "x") });
      host.helper.trouble.set(method === "tap.create" ? "kvm.probe" : "vmm.status", {
        fails: new BangerError("helper_unavailable", "away"),
      });
      if (method === "vmm.start") host.helper.qmp = { greets: "1" };
      await expect(host.start("web")).rejects.toMatchObject({ details: { not_undone: expect.any(Array) as string[] } });
      expect(host.helper.taps.size).toBe(1);
      host.helper.trouble.clear();
      await host.helper.reachable();
      expect(await host.until("web", ({ state }) => state === "stopped")).toMatchObject({ pid: null });
      expect(host.show("web").error?.message).toContain("vm.start: step");
      expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
    },
  );

  it("goes on with a stop that its end cut short, with the time that its caller gave", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.database.prepare("UPDATE vms SET state = 'stopping', stop_by = '2099-01-01T00:00:00.000Z'").run();
    host.endDaemon();
    const agent = agentOf(web);
    const asked = new Promise<void>((resolve) => (agent.onShutdown = resolve));
    await host.startDaemon();
    await asked;
    expect(host.show("web").state).toBe("stopping");
    // The clock was set back: no caller gives so much time.
    const { stop_by } = host.database.prepare("SELECT stop_by FROM vms").get() as { stop_by: string };
    expect(Date.parse(stop_by) - Date.now()).toBeLessThanOrEqual(3_600_000);
    await host.helper.vmmEnds(web.id, { status: 0, signal: null });
    expect(await host.until("web", ({ state }) => state === "stopped")).toMatchObject({ error: null });
  });

  it("can be made to let go of such a stop", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.database.prepare("UPDATE vms SET state = 'stopping', stop_by = '2099-01-01T00:00:00.000Z'").run();
    host.endDaemon();
    const agent = agentOf(web);
    agent.manner = "stays";
    const asked = new Promise<void>((resolve) => (agent.onShutdown = resolve));
    await host.startDaemon();
    await asked;
    expect(await host.kill("web")).toMatchObject({ state: "stopped", exit: { how: "killed" } });
  });

  it("waits for a guest whose stop nobody waits for any more, and ends it never", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.database.prepare("UPDATE vms SET state = 'stopping', stop_by = NULL").run();
    host.endDaemon();
    await host.startDaemon();
    expect(reconciled(web)).toBe("adopted");
    expect(host.helper.calls).not.toContain("vmm.stop");
    await host.helper.vmmEnds(web.id, { status: 0, signal: null });
    expect(await host.until("web", ({ state }) => state === "stopped")).toMatchObject({ error: null });
  });

  it("boots what an earlier one left before its first instruction, also when it was recorded as running", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.endDaemon();
    const vmm = host.helper.vmms.get(web.id)?.vmm;
    if (vmm === undefined) throw new Error("no VMM");
    vmm.status = "prelaunch";
    await host.startDaemon();
    await host.until("web", ({ health }) => health === "ok");
    expect(vmm.executed.filter((command) => command === "cont")).toHaveLength(2);
  });

  it("knows how a VM ended of which not everything can be taken away yet", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.helper.trouble.set("tap.remove", { fails: new BangerError("command_failed", "busy") });
    await host.helper.vmmEnds(web.id, { status: null, signal: 11 });
    expect(await host.until("web", ({ state }) => state === "stopping")).toMatchObject({
      exit: { signal: 11 },
      pid: null,
    });
    host.helper.exits.clear();
    host.helper.trouble.clear();
    await host.helper.reachable();
    expect(host.show("web")).toMatchObject({ state: "failed", exit: { signal: 11 }, error: { code: "guest_died" } });
  });

  it("knows that a VMM is dead, and why, while the helper is away", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.helper.away = true;
    host.helper.vmms.get(web.id)?.vmm.event("SHUTDOWN", { guest: true, reason: "guest-shutdown" });
    await host.helper.vmmEnds(web.id, { status: 0, signal: null });
    expect(await host.until("web", ({ state }) => state === "stopping")).toMatchObject({ exit: { how: "shutdown" } });
    await host.helper.reachable();
    expect(host.show("web")).toMatchObject({ state: "stopped", error: null, exit: { how: "shutdown" } });
  });

  it("keeps that a guest shut down whose stop could not be finished, as the helper was away", async () => {
    await host.create("web");
    const web = await host.start("web");
    host.helper.away = true;
    agentOf(web).onShutdown = () => void host.helper.vmmEnds(web.id, { status: 0, signal: null });
    await expect(host.stop("web", 10)).rejects.toMatchObject({ code: "helper_unavailable" });
    expect(host.show("web")).toMatchObject({ state: "stopping", exit: { how: "shutdown" } });
    await host.helper.reachable();
    expect(host.show("web")).toMatchObject({ state: "stopped", error: null, exit: { how: "shutdown" } });
  });

  it("removes the half of a create, record and files", async () => {
    await host.create("web");
    host.database.prepare("UPDATE vms SET state = 'creating'").run();
    host.endDaemon();
    await host.startDaemon();
    expect(host.services.vms.list()).toEqual([]);
    await host.create("web");
  });
});

describe("a guest that stands still for want of space", () => {
  it("is shown so, refuses commands with no_space, and goes on when there is room", async () => {
    await host.create("web");
    const { id } = await host.start("web");
    const vmm = host.helper.vmms.get(id)?.vmm;
    vmm?.event("BLOCK_IO_ERROR", { device: "", action: "stop", nospace: true });
    await host.until("web", ({ health }) => health === "no_space");
    await expect(host.exec("web")).rejects.toMatchObject({ code: "no_space" });
    // The file system of this test has room: it is let go on at the next look.
    await host.until("web", ({ health }) => health === "ok");
    expect(vmm?.executed.filter((command) => command === "cont")).toHaveLength(2);
  });
});
