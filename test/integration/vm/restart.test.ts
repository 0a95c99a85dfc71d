import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
  await host.create("web");
});
afterEach(() => host[Symbol.asyncDispose]());

const vmmOf = (vm: Pick<Vm, "id">) => {
  const running = host.helper.vmms.get(vm.id);
  if (running === undefined) throw new Error(`no VMM of ${vm.id} runs`);
  return running.vmm;
};
const goes = ({ id }: Pick<Vm, "id">) => void host.helper.vmmEnds(id, { status: 0, signal: null });
const stepsOf = (events: readonly unknown[]) =>
  events.flatMap((data) => {
    const { step, phase } = data as { step?: string; phase?: string };
    return phase === "completed" && step !== undefined && !step.startsWith("release_") ? [step] : [];
  });

describe("the stages of a stop", () => {
  const stop = async (timeoutS: number) => {
    const events: unknown[] = [];
    const vm = await host.stop("web", timeoutS, { onEvent: (_, data) => void events.push(data) });
    return { ...vm, steps: stepsOf(events) };
  };

  it("are the agent alone when the guest goes", async () => {
    const vm = await host.start("web");
    vmmOf(vm).agent.onShutdown = () => goes(vm);
    expect(await stop(30)).toMatchObject({ stopped_by: "agent", exit: { how: "shutdown" }, steps: ["ask_agent"] });
  });

  it.each(["stays", "silent", "hello_only"] as const)(
    "are the power button too when the agent is %s and did not bring it down",
    async (manner) => {
      const vm = await host.start("web");
      vmmOf(vm).agent.manner = manner;
      vmmOf(vm).onPowerButton = () => goes(vm);
      const stopped = await stop(0.3);
      expect(stopped).toMatchObject({ stopped_by: "power_button", state: "stopped", error: null });
      expect(stopped.steps).toEqual(["ask_agent", "power_button"]);
    },
  );

  it("end with a kill when the guest has no handler for the button", async () => {
    const vm = await host.start("web");
    vmmOf(vm).agent.manner = "stays";
    const stopped = await stop(0.2);
    expect(stopped).toMatchObject({ stopped_by: "kill", exit: { how: "killed" }, state: "stopped" });
    expect(stopped.steps).toEqual(["ask_agent", "power_button", "kill"]);
  });

  it("are a kill alone without time", async () => {
    await host.start("web");
    expect(await stop(0)).toMatchObject({ stopped_by: "kill", steps: ["kill"] });
  });

  it("let a guest go on first that is paused", async () => {
    const vm = await host.start("web");
    await host.pause("web");
    vmmOf(vm).agent.onShutdown = () => goes(vm);
    expect(await stop(30)).toMatchObject({ stopped_by: "agent", steps: ["resume", "ask_agent"] });
  });
});

describe("a restart", () => {
  it("stops a VM and starts it, in one operation", async () => {
    const first = await host.start("web");
    vmmOf(first).agent.onShutdown = () => goes(first);
    const vm = await host.restart("web", 30);
    expect(vm).toMatchObject({ state: "running", generation: 2, stopped_by: "agent", exit: null, error: null });
    const traceOf = (step: string) => host.spans.findLast(({ name }) => name === `step ${step}`)?.trace_id;
    expect(traceOf("ask_agent")).toBe(traceOf("vmm"));
  });

  it.each(["created", "stopped"])("of a VM that is %s starts it", async (state) => {
    if (state === "stopped") {
      await host.start("web");
      await host.kill("web");
    }
    const vm = await host.restart("web", 30);
    expect(vm).toMatchObject({ state: "running" });
    expect(vm).not.toHaveProperty("stopped_by");
  });

  it.each<[string, () => void]>([
    ["fails", () => void host.helper.trouble.set("tap.create", { fails: new BangerError("command_failed", "x") })],
    ["is refused", () => void (host.availableMib = 100)],
  ])("whose start %s says so, and leaves it stopped with the error", async (_, go) => {
    await host.start("web");
    go();
    await expect(host.restart("web", 0)).rejects.toMatchObject({
      plain: expect.stringMatching(/^vm web was stopped, and could not be started again: /) as string,
    });
    expect(host.show("web")).toMatchObject({ state: "stopped", error: { code: expect.any(String) as string } });
  });
});

describe("a guest's reboot", () => {
  const reboots = async ({ id }: Pick<Vm, "id">) => {
    host.helper.vmms.get(id)?.vmm.event("SHUTDOWN", { guest: true, reason: "guest-reset" });
    await host.helper.vmmEnds(id, { status: 0, signal: null });
  };

  it("is followed also by the next daemon, where this one ends when what its run held is released", async () => {
    const vm = await host.start("web");
    const released = Promise.withResolvers<void>();
    const never = new Promise<void>(() => undefined);
    host.atStep = ({ operation, step, when }) => {
      if (operation !== "vm.start" || step !== "preflight" || when !== "before") return undefined;
      released.resolve();
      return never;
    };
    await reboots(vm);
    await released.promise;
    expect(host.helper.exits.size).toBe(0);
    host.endDaemon();
    host.atStep = () => undefined;
    await host.startDaemon();
    expect(await host.until("web", ({ generation, state }) => generation === 2 && state === "running")).toMatchObject({
      error: null,
    });
  });

  it("is followed when a change is over that came in between", async () => {
    const vm = await host.start("web");
    const hold = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    host.atStep = ({ operation, step, when }) => {
      if (operation !== "vm.set" || step !== "record" || when !== "before") return undefined;
      held.resolve();
      return hold.promise;
    };
    const set = host.set("web", { label: ["a=1"] });
    await held.promise;
    await reboots(vm);
    hold.resolve();
    await set;
    await host.until("web", ({ generation, state }) => generation === 2 && state === "running");
  });

  it("starts the VM again, as an operation that links to the start before it", async () => {
    const vm = await host.start("web");
    await reboots(vm);
    expect(await host.until("web", ({ state, generation }) => state === "running" && generation === 2)).toMatchObject({
      error: null,
    });
    const operation = host.spans.find(({ name }) => name === "vm.reboot");
    const start = host.spans.find(({ name }) => name === "step vmm");
    expect(operation?.links.map(({ trace_id }) => trace_id)).toEqual([start?.trace_id]);
    expect(host.helper.taps.size).toBe(1);
  });

  it("is given up when it does nothing else", async () => {
    await host.start("web");
    for (let generation = 1; generation <= 5; generation++) {
      const vm = await host.until("web", (now) => now.state === "running" && now.generation === generation);
      await reboots(vm);
    }
    expect(await host.until("web", ({ state }) => state === "failed")).toMatchObject({
      generation: 5,
      exit: { how: "reset" },
      error: { message: expect.stringContaining("5 times in a row") as string },
    });
    // Whoever starts it begins anew.
    await reboots(await host.start("web"));
    await host.until("web", ({ state, generation }) => state === "running" && generation === 7);
  });

  it("while the daemon was away is known by the console, and starts it when it is back", async () => {
    const vm = await host.start("web");
    host.endDaemon();
    host.prints(vm, "[    9.774592] reboot: Restarting system\n");
    await host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    await host.startDaemon();
    await host.until("web", ({ state, generation }) => state === "running" && generation === 2);
  });

  it("whose start fails leaves it stopped with the error", async () => {
    const vm = await host.start("web");
    host.helper.trouble.set("tap.create", { fails: new BangerError("command_failed", "no more taps") });
    await reboots(vm);
    expect(await host.until("web", ({ state }) => state === "stopped")).toMatchObject({
      pid: null,
      error: { message: expect.stringContaining("no more taps") as string },
    });
  });

  it("under a stop ends it", async () => {
    const vm = await host.start("web");
    vmmOf(vm).agent.onShutdown = () => void reboots(vm);
    expect(await host.stop("web", 30)).toMatchObject({ state: "stopped", generation: 1 });
  });
});

describe("a panic", () => {
  const words = "[   36.0] Kernel panic - not syncing: sysrq triggered crash\n[   36.1] CPU: 0 PID: 1\n";

  it.each([
    ["the VMM says so", "guest-panic", ""],
    ["only the console says so", "guest-reset", words],
  ])("is no reboot, when %s", async (_, reason, printed) => {
    const vm = await host.start("web");
    host.prints(vm, printed);
    vmmOf(vm).event("SHUTDOWN", { guest: true, reason });
    await host.helper.vmmEnds(vm.id, { status: 1, signal: null });
    expect(await host.until("web", ({ state }) => state === "failed")).toMatchObject({
      exit: { how: "panic" },
      error: {
        code: "guest_died",
        message: printed === "" ? "the guest's kernel panicked" : "the guest's kernel panicked: sysrq triggered crash",
        ...(printed === "" ? {} : { console: expect.stringContaining("CPU: 0 PID: 1") as string }),
      },
    });
  });
});
