import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";
import { ScriptedVmm } from "../../support/scripted-vmm.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const reconciled = (vm: Pick<Vm, "id">) =>
  host.logged.findLast((record) => record.message === "reconciled" && record["banger.vm.id"] === vm.id)?.["outcome"];

const said = (text: string) => host.logged.filter(({ message }) => message === text);

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

  it("compares again where it could not look, once, however often that was, and does meanwhile what hangs on nothing else", async () => {
    await host.create("web");
    const { id } = await host.start("web");
    host.endDaemon();
    await host.helper.vmmEnds(id, { status: 0, signal: null });
    host.helper.trouble.set("vmm.list", { fails: new BangerError("command_failed", "not now") });
    await host.startDaemon();
    for (let n = 0; n < 3; n++) await host.helper.reachable();
    expect(host.show("web").state).toBe("running");
    expect(said("records could not be compared with the host; it is tried again")).toHaveLength(4);
    host.helper.trouble.clear();
    const before = said("reconcile completed").length;
    await expect.poll(() => host.show("web").state, { timeout: 14_000 }).toBe("stopped");
    await delay(500);
    expect(said("reconcile completed")).toHaveLength(before + 1);
  }, 20_000);

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

  it("lets whoever asks for a VM wait until it has looked at what runs", async () => {
    await host.create("web");
    await host.start("web");
    host.endDaemon();
    const looking = Promise.withResolvers<void>();
    host.helper.trouble.set("vmm.list", { waits: looking.promise });
    const starting = host.startDaemon();
    await expect.poll(() => host.helper.calls.at(-1)).toBe("vmm.list");
    const [left, asked] = [new AbortController(), host.exec("web")];
    const unasked = host.exec("web", { signal: left.signal });
    left.abort();
    await expect(unasked).rejects.toThrow();
    looking.resolve();
    await starting;
    expect(await asked).toMatchObject({ exit_code: 0 });
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

  describe("of a VMM that died while the helper was away", () => {
    const dies = async () => {
      await host.create("web");
      const web = await host.start("web");
      host.helper.away = true;
      await host.helper.vmmEnds(web.id, { status: null, signal: 11 });
      const pending = await host.until("web", ({ state, error }) => state === "stopping" && error !== null);
      expect(pending).toMatchObject({
        exit: { how: "unknown" },
        error: { message: expect.stringContaining("the helper is away") as string },
      });
      expect(host.helper.calls.filter((call) => call === "vmm.stop")).toEqual([]);
      return web;
    };
    const bySignal = { exit: { how: "exited", signal: 11 }, error: { message: "the VMM was ended by signal 11" } };

    it("asks how when it is back, and says that", async () => {
      await dies();
      await host.helper.reachable();
      expect(host.show("web")).toMatchObject({ state: "failed", ...bySignal });
      expect(host.helper.taps.size).toBe(0);
    });

    it("asks again where it only did not answer", async () => {
      await dies();
      host.helper.away = false;
      expect(await host.until("web", ({ state }) => state === "failed")).toMatchObject(bySignal);
    });

    it("says that nobody knows, where what saw it end was ended too", async () => {
      const web = await dies();
      const { exit } = host.show("web");
      host.helper.exits.delete(web.id);
      await host.helper.reachable();
      expect(host.show("web")).toMatchObject({
        state: "failed",
        exit,
        error: { message: expect.stringContaining("what saw it end") as string },
      });
    });

    it("knows by a stop too", async () => {
      await dies();
      host.helper.away = false;
      expect(await host.stop("web", 5)).toMatchObject({ state: "stopped", ...bySignal });
    });
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

  it("ends what a start left that could not be undone while the helper was away, and says so until then", async () => {
    await host.create("web");
    host.atStep = ({ step, when }) => void (host.helper.away ||= step === "boot" && when === "before");
    host.helper.onStarted = ({ agent }) => void (agent.manner = "silent");
    const starting = host.start("web").catch((error: unknown) => error);
    await expect.poll(() => host.helper.away).toBe(true);
    await expect(host.kill("web")).rejects.toMatchObject({ code: "helper_unavailable" });
    await starting;
    const refused = {
      code: "wrong_state",
      details: { hint: expect.stringContaining("when the helper is back") as string },
    };
    await expect(host.start("web")).rejects.toMatchObject(refused);
    const vmsOf = async () => (await host.doctor(false)).checks.find(({ name }) => name === "vms")?.findings;
    expect(await vmsOf()).toMatchObject([{ code: "not_released" }]);
    host.helper.away = false;
    expect((await host.reconcile(true)).items).toMatchObject([{ name: "web", action: "go_on_stopping" }]);
    const { checks } = await host.doctor(false);
    expect(checks.find(({ name }) => name === "leftovers")?.findings).toMatchObject([{ code: "leftover" }]);
    await host.helper.reachable();
    expect(host.show("web")).toMatchObject({ state: "stopped", error: { code: "cancelled" } });
    expect(await vmsOf()).toEqual([]);
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  });

  it("looks again at a VM whose start was still being undone when the helper was back", async () => {
    await host.create("web");
    const [undoing, cut] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    host.atStep = ({ step, when }) => {
      if (step !== "connect" || when !== "after") return;
      const away = new BangerError("helper_unavailable", "it went away");
      host.helper.trouble.set("vmm.stop", { waits: cut.promise.then(() => Promise.reject(away)) });
      undoing.resolve();
      throw new BangerError("command_failed", "no");
    };
    const starting = expect(host.start("web")).rejects.toMatchObject({ details: { not_undone: [expect.anything()] } });
    await undoing.promise;
    await expect.poll(() => host.helper.calls).toContain("vmm.stop");
    await host.helper.reachable();
    cut.resolve();
    host.helper.trouble.delete("vmm.stop");
    await starting;
    await expect.poll(() => host.show("web").state).toBe("stopped");
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
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

describe("reconciling on demand", () => {
  const nobody = "00000000000000aa";
  /** What the daemon had no reason to look for since it started. */
  const plant = async () => {
    await host.create("web");
    await host.create("made");
    host.helper.taps.set(nobody, 3);
    mkdirSync(join(host.layout.vm(nobody).directory, "inner"), { recursive: true });
    mkdirSync(join(host.layout.scratch, "make-abc"), { recursive: true });
    mkdirSync(join(host.layout.images, "c".repeat(64)), { recursive: true });
    const { id } = host.show("made");
    host.helper.taps.set(id, 1);
    return id;
  };

  it("has nothing to do where all is as it should be, also while VMs run", async () => {
    await host.create("web");
    await host.start("web");
    expect(await host.reconcile(true)).toEqual({ items: [] });
    expect(await host.reconcile(false)).toEqual({ items: [] });
  });

  it("says what it would do and does nothing, then does that, and then there is nothing to do", async () => {
    const made = await plant();
    const planned = await host.reconcile(true);
    expect(planned.items.map(({ vm_id, name, path, found, action }) => [name ?? vm_id ?? path, found, action])).toEqual(
      [
        ["made", ["tap"], "remove"],
        [nobody, ["tap"], "remove"],
        [nobody, ["directory"], "none"],
        [join(host.layout.scratch, "make-abc"), ["scratch"], "remove"],
        [join(host.layout.images, "c".repeat(64)), ["image"], "none"],
      ],
    );
    expect(host.helper.taps).toEqual(
      new Map([
        [nobody, 3],
        [made, 1],
      ]),
    );
    expect(existsSync(host.layout.vm(nobody).directory)).toBe(true);
    const done = await host.reconcile(false);
    const outcomes = { remove: "removed", none: "left" };
    const came = ({ action }: (typeof planned.items)[number]) => outcomes[action as keyof typeof outcomes];
    expect(done.items).toEqual(planned.items.map((item) => ({ ...item, outcome: came(item) })));
    expect(host.helper.taps.size).toBe(0);
    expect(existsSync(host.layout.vm(nobody).directory)).toBe(true);
    const unowned = await host.reconcile(false, true);
    expect(unowned.items.map(({ found, outcome }) => [found, outcome])).toEqual([
      [["directory"], "removed"],
      [["image"], "removed"],
    ]);
    expect(existsSync(host.layout.vm(nobody).directory)).toBe(false);
    expect(readdirSync(host.layout.scratch)).toEqual([]);
    expect(host.services.vms.list().map(({ name, state }) => [name, state])).toEqual([
      ["web", "created"],
      ["made", "created"],
    ]);
    expect(await host.reconcile(false)).toEqual({ items: [] });
  });

  it("touches nothing whose name is no VM's, image's or scratch's", async () => {
    const foreign = [
      join(host.layout.vms, "notes"),
      join(host.layout.vms, `${nobody}.old`),
      join(host.layout.images, "mine"),
      join(host.layout.scratch, "mine"),
    ];
    for (const path of foreign) mkdirSync(path, { recursive: true });
    expect(await host.reconcile(false)).toEqual({ items: [] });
    host.endDaemon();
    await host.startDaemon();
    expect(foreign.filter((path) => !existsSync(path))).toEqual([]);
  });

  it("leaves alone what is under way: a create, a start, an import's scratch", async () => {
    await host.create("web");
    host.helper.trouble.set("tap.create", "hangs");
    const starting = host.start("web").catch((error: unknown) => error);
    await host.until("web", ({ state }) => state === "starting");
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    host.atStep = async ({ operation, step, when }) => {
      if (operation !== "vm.create" || step !== "directory" || when !== "after") return;
      reached.resolve();
      await goOn.promise;
    };
    const creating = host.create("other");
    await reached.promise;
    mkdirSync(join(host.layout.scratch, "make-abc"), { recursive: true });
    const importing = Promise.withResolvers<void>();
    const import_ = host.ask(({ operations }, request) =>
      operations.run("image.import", request, () => importing.promise),
    );
    expect(await host.reconcile(false)).toEqual({ items: [] });
    importing.resolve();
    await import_;
    goOn.resolve();
    expect(await creating).toMatchObject({ state: "created" });
    await host.kill("web");
    expect(await starting).toBeInstanceOf(BangerError);
    expect((await host.reconcile(true)).items).toMatchObject([{ found: ["scratch"] }]);
  });

  it("adopts a VM whose VMM it isn't connected to, and ends one whose VMM nobody saw die", async () => {
    await host.create("web");
    await host.create("db");
    const web = await host.start("web");
    host.database.prepare("UPDATE vms SET state = 'running', generation = 1 WHERE name = 'db'").run();
    host.helper.qmp = { greets: "not yet" };
    host.helper.vmms.get(web.id)?.vmm.hangUp();
    await host.until("web", ({ health }) => health === "unreachable");
    expect((await host.reconcile(true)).items).toMatchObject([
      { name: "web", action: "adopt", found: ["tap", "vmm"] },
      { name: "db", action: "end", found: ["record"] },
    ]);
    host.helper.qmp = "answers";
    await host.until("web", ({ health }) => health === "ok");
    expect((await host.reconcile(false)).items).toMatchObject([{ name: "db", outcome: "ended" }]);
    expect(host.show("db")).toMatchObject({ state: "failed", exit: { how: "unknown" } });
  });

  it("says of a VM that runs that its tap is gone, unless it is to have none", async () => {
    for (const name of ["web", "alone"]) await host.create(name);
    await host.set("alone", { network: "none" });
    const { id } = await host.start("web");
    await host.start("alone");
    await host.set("alone", { network: "nat" });
    host.helper.taps.clear();
    expect((await host.reconcile(false)).items).toMatchObject([
      { name: "web", found: ["tap"], action: "none", outcome: "left" },
    ]);
    const { checks } = await host.doctor(true);
    expect(checks.find(({ name }) => name === "leftovers")?.findings).toMatchObject([{ code: "tap_gone" }]);
    expect(await host.services.vms.show("web")).toMatchObject({ state: "running", health: "tap_gone" });
    expect(await host.services.vms.show("alone")).toMatchObject({ state: "running", health: "ok" });
    expect(host.helper.vmms.has(id)).toBe(true);
    await host.restart("web", 0);
    expect(await host.reconcile(true)).toEqual({ items: [] });
    expect(await host.services.vms.show("web")).toMatchObject({ health: "ok" });
  });

  it("says of a VM without a disk that it can't be helped, and of one that can't be removed why", async () => {
    const { id } = await host.create("web");
    for (const path of Object.values(host.layout.vm(id).rootDisk)) rmSync(path, { force: true });
    host.helper.taps.set(nobody, 1);
    host.helper.trouble.set(`tap.remove ${nobody}`, { fails: new BangerError("already_exists", "isn't banger's") });
    expect((await host.reconcile(false)).items).toMatchObject([
      { name: "web", found: ["root disk"], action: "none", outcome: "left" },
      { vm_id: nobody, found: ["tap"], error: expect.stringContaining("isn't banger's") as string },
    ]);
    expect(host.show("web").state).toBe("created");
  });

  it("needs the helper, and says so", async () => {
    host.helper.away = true;
    await expect(host.reconcile(true)).rejects.toMatchObject({ code: "helper_unavailable" });
  });

  it("is what the doctor does about leftovers, and only with --fix", async () => {
    await plant();
    const leftovers = ({ checks }: Awaited<ReturnType<typeof host.doctor>>) =>
      checks.find(({ name }) => name === "leftovers")?.findings.map(({ code }) => code);
    const found = ["leftover", "leftover", "unowned", "leftover", "unowned"];
    expect(leftovers(await host.doctor(false))).toEqual(found);
    const fixed = await host.doctor(true);
    expect(fixed.done).toContain(`removed: tap of vm ${nobody}`);
    expect(leftovers(fixed)).toEqual(["unowned", "unowned"]);
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

  it.each([
    ["the host's disk is full", true, "no_space", /stands still, as the host's disk is full/],
    ["its disk can't be written", false, "host_failed", /stands still, as its disk can't be written/],
  ])("before it is ready fails its start at once, as %s, and all is undone", async (_, nospace, code, says) => {
    host.helper.onStarted = (vmm) => {
      if (!(vmm instanceof ScriptedVmm)) return;
      vmm.agent.manner = "silent";
      vmm.onCont = () => vmm.event("BLOCK_IO_ERROR", { device: "", action: "stop", nospace });
    };
    await host.create("web");
    await expect(host.start("web")).rejects.toMatchObject({
      code,
      plain: expect.stringMatching(says) as string,
      details: { step: "ready" },
    });
    expect(host.show("web")).toMatchObject({ state: "created", pid: null, error: { code } });
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  });
});
