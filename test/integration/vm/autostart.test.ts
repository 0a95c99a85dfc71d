import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const make = (name: string, given: { autostart?: boolean; on_reboot?: "stop" } = { autostart: true }) =>
  host.ask(({ vms }, request) => vms.create({ name, label: [], volume: [], ...given }, request));
const running = (name: string) => host.until(name, ({ state }) => state === "running");
/** The daemon ends and comes back; `boots`: so does the host. */
const comesBack = async ({ boots = false } = {}) => {
  host.endDaemon();
  if (boots) {
    host.bootId = `${host.bootId}+`;
    for (const id of host.helper.vmms.keys()) await host.helper.vmmEnds(id, { status: null, signal: 9 });
    host.helper.exits.clear();
    host.helper.taps.clear();
  }
  await host.startDaemon();
};
/** What was to be started with the daemon has been, or has failed. */
const autostarts = (count: number) =>
  expect
    .poll(() => host.logged.filter(({ message }) => message.includes("started with the daemon")).length)
    .toBe(count);
const states = () => Object.fromEntries(host.services.vms.list().map(({ name, state }: Vm) => [name, state]));

describe("after a boot of the host", () => {
  it("what ran and what was never started starts, each as an operation of its own; the rest doesn't", async () => {
    await make("ran");
    await host.start("ran");
    await make("new");
    await make("other", {});
    await comesBack({ boots: true });
    await running("ran");
    await running("new");
    await autostarts(2);
    expect(states()).toEqual({ ran: "running", new: "running", other: "created" });
    const { operations } = { operations: host.services.operations.known() };
    const own = operations.filter(({ method, caller }) => method === "vm.start" && caller === undefined);
    expect(new Set(own.map(({ opId }) => opId)).size).toBe(2);
  });

  it("what was stopped by hand before starts too: it is to run on this host", async () => {
    await make("web");
    await host.start("web");
    await host.kill("web");
    await comesBack({ boots: true });
    await running("web");
  });

  it("one that fails stops no other, and says why", async () => {
    for (const name of ["a", "b", "c"]) await make(name);
    const { id } = host.show("a");
    host.helper.trouble.set(`tap.create ${id}`, { fails: new BangerError("command_failed", "no tap") });
    await comesBack({ boots: true });
    await running("b");
    await running("c");
    await autostarts(3);
    expect(host.show("a")).toMatchObject({
      state: "created",
      error: { message: expect.stringContaining("no tap") as string, op_id: expect.stringMatching(/^op-/) as string },
    });
  });

  it("one that is refused before it begins says why in its record, and is tried again by the next daemon", async () => {
    await make("web");
    host.availableMib = 1;
    await comesBack({ boots: true });
    await autostarts(1);
    expect(host.show("web")).toMatchObject({ state: "created", error: { code: "no_memory" } });
    host.availableMib = 64_000;
    await comesBack();
    expect(await running("web")).toMatchObject({ error: null });
  });

  it("no more than two start at once", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) await make(name);
    const goesOn = Promise.withResolvers<void>();
    host.helper.trouble.set("tap.create", { waits: goesOn.promise });
    const taps = () => host.helper.calls.filter((call) => call === "tap.create").length;
    const before = taps();
    await comesBack({ boots: true });
    await expect.poll(() => taps() - before).toBe(2);
    expect(Object.values(states()).filter((state) => state === "starting")).toHaveLength(2);
    goesOn.resolve();
    await autostarts(5);
    expect(new Set(Object.values(states()))).toEqual(new Set(["running"]));
  });

  it("the owner's broken config file is in nobody's way", async () => {
    await make("web");
    writeFileSync(host.configPath, "[");
    await comesBack({ boots: true });
    await running("web");
  });

  it("waits for the helper, and comes once: not each time that the helper is back", async () => {
    await make("web");
    host.helper.away = true;
    await comesBack({ boots: true });
    expect(host.show("web").state).toBe("created");
    await host.helper.reachable();
    await running("web");
    await make("later");
    await host.helper.reachable();
    expect(host.show("later").state).toBe("created");
  });
});

describe("a daemon that restarts", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["was stopped by hand", () => host.stop("web", 0)],
    ["was killed by hand", () => host.kill("web")],
    [
      "shut itself down",
      async () => {
        const { id } = host.show("web");
        host.helper.vmms.get(id)?.vmm.event("SHUTDOWN", { guest: true, reason: "guest-shutdown" });
        await host.helper.vmmEnds(id, { status: 0, signal: null });
        await host.until("web", ({ state }) => state === "stopped");
      },
    ],
  ])("starts nothing that %s", async (_, ends) => {
    await make("web");
    await make("witness");
    await host.start("web");
    await ends();
    await comesBack();
    await running("witness");
    await autostarts(1);
    expect(host.show("web").state).toBe("stopped");
  });

  it("heeds what was set since", async () => {
    const set = (vm: string, on: boolean) =>
      host.ask(({ vms }, request) =>
        vms.set({ vm, autostart: on, label: [], unlabel: [], volume: [], no_volume: [] }, request),
      );
    await make("on", {});
    await make("off");
    await set("on", true);
    await set("off", false);
    await comesBack();
    await running("on");
    await autostarts(1);
    expect(host.show("off").state).toBe("created");
  });

  it("leaves what runs as it is", async () => {
    await make("web");
    const { pid, generation } = await host.start("web");
    await comesBack();
    await host.until("web", ({ health }) => health === "ok");
    expect(host.show("web")).toMatchObject({ pid, generation, state: "running" });
  });
});
