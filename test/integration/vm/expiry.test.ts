import { once } from "node:events";
import { createServer, connect, type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isConnectedTo } from "../../../src/daemon/vm/expiry/host-connections.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const hourMs = 3_600_000;
/** A VM that runs, with limits, whose guest goes when it is asked to. */
const runs = async (given: { ttl_s?: number; idle_s?: number }, name = "web"): Promise<Vm> => {
  await host.ask(({ vms }, request) => vms.create({ name, label: [], volume: [], ...given }, request));
  const vm = await host.start(name);
  obeys(vm);
  return vm;
};
const obeys = ({ id }: Pick<Vm, "id">) => {
  const running = host.helper.vmms.get(id);
  if (running !== undefined)
    running.vmm.agent.onShutdown = () => void host.helper.vmmEnds(id, { status: 0, signal: null });
};
const stopped = (name = "web") => host.until(name, ({ state }) => state === "stopped");
const daemonIsAway = async (forMs: number, clockSetMs = 0) => {
  host.endDaemon();
  host.uptimeMs += forMs;
  host.clockSetMs += forMs + clockSetMs;
  await host.startDaemon();
};
/** Time passes, and there is a reason to look again: another VM is made. */
const daemonSees = async (passesMs: number) => {
  host.uptimeMs += passesMs;
  await host.create(`other-${host.services.vms.list().length}`);
  await new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
};
/** A command that runs in a guest until what this returns is called. */
const attach = async (vm: Pick<Vm, "id" | "name">) => {
  const leaves = new AbortController();
  const begun = new Promise<void>((resolve) => {
    const agent = host.helper.vmms.get(vm.id)?.vmm.agent;
    if (agent !== undefined) Object.assign(agent, { commands: "run", onCommand: resolve });
  });
  const over = host.exec(vm.name, { signal: leaves.signal }).catch(() => undefined);
  await begun;
  return () => {
    leaves.abort(new BangerError("cancelled", "leaves"));
    return over;
  };
};
const said = (text: string) => host.logged.filter(({ message }) => message.includes(text));

describe("a VM with a ttl", () => {
  it("is stopped in order when that is over, by an operation that links to its start, and says why until its next start", async () => {
    await runs({ ttl_s: 1 });
    expect(await stopped()).toMatchObject({ stopped_for: "ttl", exit: { how: "shutdown" }, error: null });
    const operation = host.spans.find(({ name }) => name === "vm.stop");
    const start = host.spans.find(({ name }) => name === "step vmm");
    expect(operation?.links.map(({ trace_id }) => trace_id)).toEqual([start?.trace_id]);
    expect(await host.start("web")).toMatchObject({ stopped_for: null });
  });

  it("is stopped although it is used", async () => {
    const vm = await runs({ ttl_s: 1, idle_s: 3600 });
    const leave = await attach(vm);
    expect(await stopped()).toMatchObject({ stopped_for: "ttl" });
    await leave();
  });

  it("is stopped by a daemon that was away when it was over", async () => {
    await runs({ ttl_s: 3600 });
    await daemonIsAway(2 * hourMs);
    expect(await stopped()).toMatchObject({ stopped_for: "ttl" });
  });

  it.each([
    ["forth", 48 * hourMs],
    ["back", -48 * hourMs],
  ])("is neither stopped early nor kept when the clock is set %s, also while the daemon is away", async (_, setMs) => {
    await runs({ ttl_s: 7200 });
    await daemonIsAway(hourMs, setMs);
    expect(host.show("web")).toMatchObject({ state: "running", stopped_for: null });
    await daemonIsAway(hourMs, setMs);
    expect(await stopped()).toMatchObject({ stopped_for: "ttl" });
  });

  it("counts anew from a start that somebody asked for", async () => {
    await runs({ ttl_s: 7200 });
    await daemonIsAway(hourMs);
    await host.kill("web");
    await host.start("web");
    await daemonIsAway(hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
  });

  it("that is under another operation is stopped after it", async () => {
    await runs({ ttl_s: 2 });
    const goesOn = Promise.withResolvers<void>();
    host.helper.trouble.set("vmm.limits", { waits: goesOn.promise });
    const set = host.ask(({ vms }, request) =>
      vms.set({ vm: "web", disk_mib: 40_000, label: [], unlabel: [], volume: [], no_volume: [] }, request),
    );
    await expect.poll(() => host.helper.calls).toContain("vmm.limits");
    await daemonSees(2_000);
    expect(host.show("web")).toMatchObject({ state: "running", stopped_for: null });
    goesOn.resolve();
    expect(await set).toMatchObject({ disk_mib: 40_000, state: "running" });
    expect(await stopped()).toMatchObject({ stopped_for: "ttl" });
  });

  it("is left alone while the helper is away, and stopped when it is back", async () => {
    await runs({ ttl_s: 3600 });
    host.endDaemon();
    host.uptimeMs += 2 * hourMs;
    host.helper.away = true;
    await host.startDaemon();
    expect(host.show("web")).toMatchObject({ state: "running", stopped_for: null });
    await host.helper.reachable();
    expect(await stopped()).toMatchObject({ stopped_for: "ttl" });
  });

  it("that can't be stopped runs on, and has no reason for what didn't happen", async () => {
    await runs({ ttl_s: 3600 });
    host.endDaemon();
    host.helper.qmp = { greets: "not yet" };
    host.uptimeMs += 2 * hourMs;
    host.helper.trouble.set("vmm.status", { fails: new BangerError("command_failed", "no") });
    await host.startDaemon();
    await expect.poll(() => said("could not be stopped yet")).toHaveLength(1);
    expect(host.show("web")).toMatchObject({ state: "running", stopped_for: null });
    host.helper.trouble.clear();
  });

  it.each(["stop", "kill"] as const)("and that somebody's %s ends has no reason of banger's", async (how) => {
    await runs({ ttl_s: 3600 });
    await (how === "stop" ? host.stop("web", 30) : host.kill("web"));
    expect(host.show("web")).toMatchObject({ state: "stopped", stopped_for: null });
  });
});

describe("a VM's time", () => {
  it.each([
    ["ttl_s", "ttl"],
    ["idle_s", "idle"],
  ])("as %s goes on over its guest's own reboot", async (limit, why) => {
    const vm = await runs({ [limit]: 7200 });
    await daemonIsAway(1.5 * hourMs);
    host.helper.vmms.get(vm.id)?.vmm.event("SHUTDOWN", { guest: true, reason: "guest-reset" });
    await host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    obeys(await host.until("web", ({ state, generation }) => state === "running" && generation === 2));
    await daemonIsAway(hourMs);
    expect(await stopped()).toMatchObject({ stopped_for: why, generation: 2 });
  });
});

describe("a limit that is set while a VM runs", () => {
  const set = (given: { ttl_s?: number; idle_s?: number }) =>
    host.ask(({ vms }, request) =>
      vms.set({ vm: "web", label: [], unlabel: [], volume: [], no_volume: [], ...given }, request),
    );

  it("counts from its start, at once", async () => {
    await runs({});
    await daemonIsAway(hourMs);
    expect(await set({ ttl_s: 7200 })).toMatchObject({ ttl_s: 7200, state: "running", waits: {} });
    expect(await set({ ttl_s: 7200 })).toMatchObject({ unchanged: true });
    await set({ ttl_s: 3600 });
    expect(await stopped()).toMatchObject({ stopped_for: "ttl" });
  });

  it.each(["ttl_s", "idle_s"] as const)("%s is taken away by 0", async (limit) => {
    await runs({ [limit]: 7200 });
    expect(await set({ [limit]: 0 })).toMatchObject({ [limit]: null });
    await daemonIsAway(3 * hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
  });
});

describe("a VM with an idle time", () => {
  it("is stopped when nobody has used it for so long", async () => {
    await runs({ idle_s: 1 });
    expect(await stopped()).toMatchObject({ stopped_for: "idle" });
  });

  it("is kept by each use, and by who is attached", async () => {
    const vm = await runs({ idle_s: 7200 });
    await daemonIsAway(hourMs);
    await host.exec("web");
    await daemonIsAway(hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
    obeys(vm);
    const leave = await attach(vm);
    await daemonSees(3 * hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
    await leave();
    await daemonIsAway(hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
    await daemonIsAway(hourMs);
    expect(await stopped()).toMatchObject({ stopped_for: "idle" });
  });

  it("counts from a daemon's start, once, where somebody was attached when the one before it ended", async () => {
    const vm = await runs({ idle_s: 7200 });
    const leave = await attach(vm);
    host.uptimeMs += 3 * hourMs;
    await daemonIsAway(0);
    await daemonSees(0);
    await leave();
    expect(host.show("web")).toMatchObject({ state: "running" });
    obeys(vm);
    await daemonIsAway(hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
    await daemonIsAway(hourMs);
    expect(await stopped()).toMatchObject({ stopped_for: "idle" });
  });

  it("isn't kept by who only looks", async () => {
    const vm = await runs({ idle_s: 7200 });
    await daemonIsAway(hourMs);
    await host.services.vms.show("web");
    obeys(vm);
    await daemonIsAway(hourMs);
    expect(await stopped()).toMatchObject({ stopped_for: "idle" });
  });

  it("is kept while its start takes its time, and while somebody waits for its boot", async () => {
    const goesOn = Promise.withResolvers<void>();
    host.helper.trouble.set("tap.create", { waits: goesOn.promise });
    const started = runs({ idle_s: 3600 });
    await expect.poll(() => host.helper.calls).toContain("tap.create");
    host.uptimeMs += 2 * hourMs;
    goesOn.resolve();
    const vm = await started;
    await daemonSees(0);
    expect(host.show("web")).toMatchObject({ state: "running" });
    const agent = host.helper.vmms.get(vm.id)?.vmm.agent;
    Object.assign(agent ?? {}, { commands: "run" });
    const leaves = new AbortController();
    const waits = host.wait("web", "booted", 60, { signal: leaves.signal });
    await daemonSees(2 * hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
    leaves.abort(new BangerError("cancelled", "leaves"));
    await expect(waits).rejects.toThrow();
    await daemonSees(2 * hourMs);
    expect(await stopped()).toMatchObject({ stopped_for: "idle" });
  });

  it("is kept while a console is attached, and counts from when that leaves", async () => {
    await runs({ idle_s: 1 });
    const leaves = new AbortController();
    const console = host.ask(
      ({ guests }, request) => guests.console({ vm: "web", lines: 0, read_only: true }, request),
      { signal: leaves.signal },
    );
    await daemonSees(hourMs);
    expect(host.show("web")).toMatchObject({ state: "running" });
    leaves.abort(new BangerError("cancelled", "leaves"));
    await console.catch(() => undefined);
    expect(await stopped()).toMatchObject({ stopped_for: "idle" });
  });

  it("isn't stopped while it is paused, as that would lose what it was paused for", async () => {
    await runs({ idle_s: 3600 });
    await host.pause("web");
    await daemonIsAway(2 * hourMs);
    await host.until("web", ({ health }) => health === "paused");
    expect(host.show("web")).toMatchObject({ state: "running" });
    await host.resume("web");
    await daemonIsAway(2 * hourMs);
    expect(await stopped()).toMatchObject({ stopped_for: "idle" });
  });
});

describe("a VM of a run", () => {
  it("goes with its run when its time is over", async () => {
    host.helper.onStarted = (vmm) => void (vmm.agent.commands = "run");
    const run = host.run({ name: "web", rm: true, ttl_s: 1, argv: ["sleep", "60"] });
    await expect.poll(() => host.services.vms.list().map(({ state }) => state)).toEqual(["running"]);
    obeys(host.show("web"));
    await expect(run).rejects.toMatchObject({ code: expect.stringMatching(/guest_died|disconnected/) as string });
    expect(host.services.vms.list()).toEqual([]);
  });
});

describe("a guest's reboot with on_reboot = stop", () => {
  it.each([
    ["seen", false],
    ["while the daemon was away", true],
  ])("ends the VM in order, %s", async (_, away) => {
    await host.ask(({ vms }, request) =>
      vms.create({ name: "web", label: [], volume: [], on_reboot: "stop" }, request),
    );
    const vm = await host.start("web");
    if (away) {
      host.endDaemon();
      host.prints(vm, "[    9.774592] reboot: Restarting system\n");
    } else host.helper.vmms.get(vm.id)?.vmm.event("SHUTDOWN", { guest: true, reason: "guest-reset" });
    await host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    if (away) await host.startDaemon();
    expect(await stopped()).toMatchObject({ generation: 1, exit: { how: "reset" }, error: null, stopped_for: null });
  });
});

it.each([
  ["", "127.3.2.1", "127.3.2.1"],
  [" of a socket of both families", "127.3.2.2", "::ffff:127.3.2.2"],
])("a connection of this host's%s is seen as the kernel shows it", async (_, address, to) => {
  const server = createServer((socket) => socket.on("error", () => undefined)).listen(0, to);
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, to);
  await once(socket, "connect");
  expect(isConnectedTo(address)).toBe(true);
  expect(isConnectedTo("127.9.9.9")).toBe(false);
  socket.destroy();
  server.close();
});
