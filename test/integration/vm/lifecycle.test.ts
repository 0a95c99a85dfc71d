import { existsSync, symlinkSync, unlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { newOpId } from "../../../src/telemetry/op-id.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const vmmOf = (vm: Pick<Vm, "id">) => {
  const running = host.helper.vmms.get(vm.id);
  if (running === undefined) throw new Error(`no VMM of ${vm.id} runs`);
  return running.vmm;
};

describe("a VM on a scripted host", () => {
  it("starts, runs a command, stops and is deleted", async () => {
    await host.create("web");
    const started = await host.start("web");
    expect(started).toMatchObject({ state: "running", health: "ok", generation: 1, accel: "tcg" });
    expect(await host.exec("web")).toEqual({ exit_code: 0, signal: null });
    vmmOf(started).agent.onShutdown = () => void host.helper.vmmEnds(started.id, { status: 0, signal: null });
    expect(await host.stop("web", 5)).toMatchObject({ state: "stopped", exit: { how: "shutdown", status: 0 } });
    await host.delete("web", false);
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
    expect(host.services.vms.list()).toEqual([]);
  });

  it("made eight times at once has eight names and addresses", async () => {
    const made = await Promise.all(Array.from({ length: 8 }, (_, n) => host.create(`vm-${n}`)));
    expect(new Set(made.map(({ address }) => address)).size).toBe(8);
  });

  it("of one name is made once, however many ask at once", async () => {
    const made = await Promise.allSettled(Array.from({ length: 4 }, () => host.create("web")));
    const refused = made.filter((outcome) => outcome.status === "rejected");
    expect(refused.map(({ reason }) => (reason as BangerError).code)).toEqual(Array(3).fill("already_exists"));
  });
});

describe("what is so already", () => {
  it("stays: a start of a running VM, a stop and a kill of one that doesn't run succeed and say so", async () => {
    await host.create("web");
    expect(await host.stop("web", 5)).toMatchObject({ state: "created", unchanged: true });
    const { pid, ...started } = await host.start("web");
    expect(started).not.toHaveProperty("unchanged");
    expect(await host.start("web")).toMatchObject({ state: "running", generation: 1, pid, unchanged: true });
    expect(await host.kill("web")).not.toHaveProperty("unchanged");
    expect(await host.kill("web")).toMatchObject({ state: "stopped", exit: { how: "killed" }, unchanged: true });
    expect(await host.stop("web", 5)).toMatchObject({ state: "stopped", exit: { how: "killed" }, unchanged: true });
  });

  it("is not a VM that stops: its start says when it can be started", async () => {
    await host.create("web");
    const vm = await host.start("web");
    const caller = new AbortController();
    vmmOf(vm).agent.onShutdown = () => caller.abort(new BangerError("cancelled", "cancelled by the caller"));
    await expect(host.stop("web", 30, { signal: caller.signal })).rejects.toMatchObject({ code: "cancelled" });
    await expect(host.start("web")).rejects.toMatchObject({
      code: "wrong_state",
      details: { state: "stopping", hint: expect.stringContaining("`vm kill` ends it now") as string },
    });
  });

  it("was undone is said where it was", async () => {
    host.helper.trouble.set("tap.create", "hangs");
    await host.create("web");
    const starting = host.start("web");
    const failed = expect(starting).rejects.toMatchObject({
      code: "cancelled",
      details: { hint: "What was begun has been undone." },
    });
    await host.until("web", ({ state }) => state === "starting");
    await host.kill("web");
    await failed;
  });
});

describe("a stop", () => {
  it("says that it killed a guest that did not go", async () => {
    await host.create("web");
    await host.start("web");
    expect(await host.stop("web", 0.05)).toMatchObject({ state: "stopped", exit: { how: "killed" } });
  });

  it("whose caller leaves after the guest was asked leaves it stopping, and notices its end", async () => {
    await host.create("web");
    const vm = await host.start("web");
    const caller = new AbortController();
    vmmOf(vm).agent.onShutdown = () => caller.abort(new BangerError("cancelled", "cancelled by the caller"));
    await expect(host.stop("web", 30, { signal: caller.signal })).rejects.toMatchObject({
      code: "cancelled",
      plain: expect.stringContaining("was asked to shut down") as string,
    });
    expect(host.show("web").state).toBe("stopping");
    await host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    expect(await host.until("web", ({ state }) => state === "stopped")).toMatchObject({ error: null });
  });

  it("of a guest that could not be asked leaves it running when its caller leaves", async () => {
    host.helper.onStarted = ({ agent }) => (agent.manner = "answers");
    await host.create("web");
    await host.start("web");
    host.endDaemon();
    for (const { vmm } of host.helper.vmms.values()) vmm.agent.manner = "silent";
    await host.startDaemon();
    const caller = new AbortController();
    setImmediate(() => caller.abort(new BangerError("cancelled", "cancelled by the caller")));
    await expect(host.stop("web", 30, { signal: caller.signal })).rejects.toMatchObject({
      plain: expect.stringContaining("was not asked") as string,
    });
    expect(host.show("web").state).toBe("running");
  });

  it.each(["silent", "stays"] as const)("takes no longer than its time, with an agent that is %s", async (manner) => {
    await host.create("web");
    const vm = await host.start("web");
    vmmOf(vm).agent.manner = manner;
    const began = performance.now();
    expect(await host.stop("web", 0.2)).toMatchObject({ exit: { how: "killed" } });
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it("takes no longer where the host's clock is set back meanwhile", async () => {
    await host.create("web");
    vmmOf(await host.start("web")).agent.manner = "stays";
    const asked = Promise.withResolvers<void>();
    vmmOf(host.show("web")).agent.onShutdown = asked.resolve;
    const stopping = host.stop("web", 1.5);
    await asked.promise;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 });
    try {
      expect(await stopping).toMatchObject({ exit: { how: "killed" } });
    } finally {
      vi.useRealTimers();
    }
  });

  it("whose caller leaves while its parts are released has stopped all the same", async () => {
    await host.create("web");
    await host.start("web");
    const caller = new AbortController();
    const onEvent = (_: string, data: unknown) => {
      if ((data as { step?: string }).step === "release_vmm") caller.abort(new BangerError("cancelled", "cancelled"));
    };
    expect(await host.stop("web", 0, { signal: caller.signal, onEvent })).toMatchObject({ state: "stopped" });
    expect(host.show("web")).toMatchObject({ state: "stopped", pid: null });
  });

  it("that can't take everything away takes the rest, says what, and is finished when the helper is asked again", async () => {
    await host.create("web");
    const vm = await host.start("web");
    host.helper.trouble.set("tap.remove", { fails: new BangerError("command_failed", "tap: busy") });
    await expect(host.stop("web", 0)).rejects.toMatchObject({ code: "step_failed", details: { step: "release_tap" } });
    expect(host.helper.vmms.has(vm.id)).toBe(false);
    expect(host.show("web").state).toBe("stopping");
    host.helper.trouble.clear();
    await host.helper.reachable();
    expect(host.show("web").state).toBe("stopped");
    expect(host.helper.taps.size).toBe(0);
  });
});

describe("a kill", () => {
  it.each([
    ["a control socket that accepts and doesn't greet", () => void (host.helper.qmp = "mute")],
    ["a helper that hangs while it makes the tap", () => void host.helper.trouble.set("tap.create", "hangs")],
    ["a helper that hangs while it starts the VMM", () => void host.helper.trouble.set("vmm.start", "hangs")],
    ["an agent that is silent", () => void (host.helper.onStarted = ({ agent }) => (agent.manner = "silent"))],
    [
      "an agent that says hello and no more",
      () => void (host.helper.onStarted = ({ agent }) => (agent.manner = "hello_only")),
    ],
  ])("ends a start that waits for %s", async (_, go) => {
    go();
    await host.create("web");
    const starting = host.start("web");
    const failed = expect(starting).rejects.toMatchObject({ code: "cancelled" });
    await host.until("web", ({ state }) => state === "starting");
    expect(await host.kill("web")).toMatchObject({ state: "created" });
    await failed;
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  });

  it("ends a stop that waits for its guest", async () => {
    await host.create("web");
    const vm = await host.start("web");
    const asked = new Promise<void>((resolve) => (vmmOf(vm).agent.onShutdown = resolve));
    const stopping = host.stop("web", 3600);
    const failed = expect(stopping).rejects.toMatchObject({ code: "cancelled" });
    await asked;
    expect(await host.kill("web")).toMatchObject({ state: "stopped", exit: { how: "killed" } });
    await failed;
  });

  it("keeps the end of a VMM that was dead already", async () => {
    await host.create("web");
    const { id } = await host.start("web");
    // Its connection stands, as if the kernel had not closed it yet.
    const exit = { vm_id: id, generation: 1, uid: 1, status: 0, signal: null, at: new Date().toISOString() };
    const running = host.helper.vmms.get(id);
    host.helper.exits.set(id, exit);
    host.helper.vmms.delete(id);
    expect(await host.kill("web")).toMatchObject({ state: "stopped", exit: { how: "exited", status: 0 } });
    await running?.vmm.end();
  });

  it("ends whoever follows the console", async () => {
    await host.create("web");
    await host.start("web");
    const following = host.ask(({ guests }, request) => guests.logs({ vm: "web", follow: true }, request));
    await host.kill("web");
    expect(await following).toEqual({ bytes: 0 });
  });

  it("by delete --force ends a start too, and the VM is gone", async () => {
    host.helper.qmp = "mute";
    await host.create("web");
    const starting = host.start("web").catch((error: unknown) => error);
    await host.until("web", ({ state }) => state === "starting");
    await host.delete("web", true);
    expect(host.services.vms.list()).toEqual([]);
    expect(await starting).toMatchObject({
      code: "cancelled",
      plain: expect.stringContaining("delete --force of web") as string,
    });
  });

  it.each([
    ["delete --force", () => host.delete("web", true), []],
    ["kill", () => host.kill("web"), ["stopped"]],
  ])("twice at once by %s is one, and both succeed", async (_, ends, left) => {
    await host.create("web");
    await host.start("web");
    const both = await Promise.all([ends(), ends()]);
    expect(both).toMatchObject([{ name: "web" }, { name: "web" }]);
    expect(host.services.vms.list().map(({ state }) => state)).toEqual(left);
  });
});

describe("bytes from a VMM", () => {
  it.each([
    ["a number", "1"],
    ["null", "null"],
    ["a list", "[]"],
    ["no JSON", "{"],
    ["an error that is null", '{"error":null,"id":"1"}'],
    ["an error without words", '{"error":{},"id":"1"}'],
    ["an event without data", '{"event":"SHUTDOWN","data":null}'],
    ["an answer that nobody asked for", '{"return":{},"id":"999"}'],
    ["an endless line", "x".repeat(300_000)],
  ])("of the kind of %s end nothing but that connection, and the VM runs on", async (_, line) => {
    await host.create("web");
    const vm = await host.start("web");
    vmmOf(vm).say(line);
    vmmOf(vm).hangUp();
    await host.until("web", ({ health }) => health === "unreachable");
    await host.until("web", ({ health }) => health === "ok");
    expect(host.show("web")).toMatchObject({ state: "running", generation: 1 });
  });

  it.each([
    ["a number", "1"],
    ["no JSON", "hello"],
  ])("in place of the greeting, %s, fail the start and are undone", async (_, line) => {
    host.helper.qmp = { greets: line };
    await host.create("web");
    await expect(host.start("web")).rejects.toMatchObject({ details: { step: "connect" } });
    expect(host.show("web")).toMatchObject({ state: "created", pid: null });
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  });
});

it("what is done with a VM links to its start, and the start to the one before it", async () => {
  await host.create("web");
  await host.start("web");
  await host.stop("web", 5);
  await host.start("web");
  await host.kill("web");
  const requests = host.spans.filter(({ name }) => name === "request");
  const [, first, , second] = requests.map((span) => span.trace_id);
  expect(requests.map(({ links }) => links.map((link) => link.trace_id))).toEqual([[], [], [first], [first], [second]]);
});

describe("an end", () => {
  it.each([
    [
      { status: 0, signal: null },
      { state: "stopped", error: null, exit: { how: "exited", status: 0 } },
    ],
    [
      { status: 1, signal: null },
      { state: "failed", exit: { status: 1 }, error: { message: expect.stringContaining("status 1") as string } },
    ],
    [
      { status: null, signal: 9 },
      { state: "failed", exit: { signal: 9 }, error: { message: expect.stringContaining("signal 9") as string } },
    ],
    [
      { status: null, signal: null },
      { state: "failed", exit: { how: "unknown" } },
    ],
  ])("by itself, %o, is noticed and kept", async (exit, expected) => {
    await host.create("web");
    const vm = await host.start("web");
    await host.helper.vmmEnds(vm.id, exit);
    expect(await host.until("web", ({ state }) => state !== "running")).toMatchObject(expected);
    expect(host.helper.taps.size).toBe(0);
    const operation = host.spans.find(({ name }) => name === "vm.exited");
    const start = host.spans.find(({ name }) => name === "step vmm");
    expect(operation?.links.map(({ trace_id }) => trace_id)).toEqual([start?.trace_id]);
  });

  it("while the daemon was away is kept with what the recorder saw", async () => {
    await host.create("web");
    const vm = await host.start("web");
    host.endDaemon();
    await host.helper.vmmEnds(vm.id, { status: null, signal: 11 });
    await host.startDaemon();
    expect(host.show("web")).toMatchObject({ state: "failed", exit: { signal: 11 }, pid: null });
  });

  it("of the host is said of a VM that ran, and of an operation that was under way", async () => {
    await host.create("web");
    await host.start("web");
    host.endDaemon();
    host.helper.vmms.clear();
    host.helper.taps.clear();
    host.bootId = "boot-2";
    await host.startDaemon();
    expect(host.show("web").error?.message).toBe("the host was restarted, or lost power, while it ran");
  });
});

describe("memory", () => {
  it("that the host hasn't got is refused with the figures, unless told otherwise", async () => {
    host.availableMib = 1_000;
    await host.create("one");
    await host.create("two");
    await host.start("one");
    await expect(host.start("two")).rejects.toMatchObject({
      code: "no_memory",
      plain: "vm two takes 608 MiB; the host has 1000 MiB to give, of which 1 other VM may still take 608 MiB",
      details: { needed_mib: 608, available_mib: 1_000, promised_mib: 608 },
    });
    expect(host.show("two")).toMatchObject({ state: "created", error: null });
    expect(await host.start("two", { overcommit: true })).toMatchObject({ state: "running" });
  });

  it("is promised to one of two starts at once", async () => {
    host.availableMib = 1_000;
    await host.create("one");
    await host.create("two");
    const outcomes = await Promise.allSettled([host.start("one"), host.start("two")]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });
});

describe("a VMM that", () => {
  it("greets and leaves without end is asked again less and less often, and its VM runs on", async () => {
    await host.create("web");
    const vm = await host.start("web");
    const vmm = vmmOf(vm);
    let connections = 0;
    const over = performance.now() + 1_200;
    while (performance.now() < over) {
      vmm.hangUp();
      const seen = vmm.executed.length;
      await new Promise((resolve) => setImmediate(resolve));
      if (vmm.executed.length > seen) connections++;
    }
    // Each connection asks three things or fewer; without a pause there were hundreds.
    expect(connections).toBeLessThan(15);
    expect(host.show("web").state).toBe("running");
    await host.until("web", ({ health }) => health === "ok");
  });

  it("says without end that the disk is full and isn't makes one loop that looks for room", async () => {
    await host.create("web");
    const vm = await host.start("web");
    for (let n = 0; n < 200; n++) {
      vmmOf(vm).event("BLOCK_IO_ERROR", { device: "", action: "stop", nospace: true });
      vmmOf(vm).event("RESUME");
    }
    vmmOf(vm).event("BLOCK_IO_ERROR", { device: "", action: "stop", nospace: true });
    await host.until("web", ({ health }) => health === "no_space");
    expect(host.logged.filter(({ message }) => message.includes("the guest stands still"))).toHaveLength(1);
    await host.until("web", ({ health }) => health === "ok");
  });

  it("puts a link to the daemon's socket in its own one's place is shown as one that can't be reached", async () => {
    await host.create("web");
    const vm = await host.start("web");
    const { qmp } = host.layout.sockets(vm.id);
    unlinkSync(qmp);
    symlinkSync(host.layout.daemonSocket, qmp);
    vmmOf(vm).hangUp();
    await host.until("web", ({ health }) => health === "unreachable");
    await expect
      .poll(() => host.logged.map(({ err }) => (err as { message?: string } | undefined)?.message ?? "").join())
      .toContain("is a link in place of the VMM's own");
    expect(await host.kill("web")).toMatchObject({ state: "stopped" });
  });
});

it("a start that can't connect has the socket that it failed on in that step's span", async () => {
  const { id } = await host.create("web");
  const { qmp } = host.layout.sockets(id);
  host.atStep = (point) => {
    if (point.step !== "connect" || point.when !== "before") return;
    unlinkSync(qmp);
    symlinkSync(host.layout.daemonSocket, qmp);
  };
  await expect(host.start("web")).rejects.toMatchObject({ details: { step: "connect" } });
  expect(host.spans.find(({ name }) => name === "step connect")).toMatchObject({
    status: "error",
    attributes: { "file.path": qmp },
  });
});

describe("a VM", () => {
  it("that is deleted is gone whole, though its caller leaves meanwhile", async () => {
    const { id } = await host.create("web");
    const caller = new AbortController();
    host.atStep = ({ step, when }) => {
      if (step === "forget" && when === "after") caller.abort(new BangerError("cancelled", "left"));
    };
    await host.delete("web", false, { signal: caller.signal });
    expect(existsSync(host.layout.vm(id).directory)).toBe(false);
  });

  it.each(["delete", "rename"] as const)("that was asked for twice under one op_id is one %s", async (mutation) => {
    await host.create("web");
    const asking = { opId: newOpId(), params: { vm: "web" } };
    const ask = () =>
      mutation === "delete"
        ? host.delete("web", false, asking)
        : host.ask(({ vms }, request) => vms.rename({ vm: "web", name: "shop" }, request), asking);
    const { id } = (await ask()) as { id: string };
    expect(await ask()).toMatchObject({ id });
    await expect(host.delete("web", false)).rejects.toMatchObject({ code: "not_found" });
  });

  it("whose boot is waited for fails as one operation, with what was waited for", async () => {
    await host.create("web", {}, { network: "none" });
    const opId = newOpId();
    const params = { vm: "web", overcommit: false, wait: "ssh" as const, wait_timeout_s: 5 };
    const begun = host.ask(
      ({ operationAccess, vms }, request) => operationAccess.begin(request, (staying) => vms.start(params, staying)),
      { opId, params },
    );
    await begun;
    expect(await host.waitFor(opId)).toMatchObject({ state: "failed", error: { code: "wrong_state" } });
    expect(host.show("web").state).toBe("running");
  });
});
