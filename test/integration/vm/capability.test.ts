import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Capability } from "../../../src/daemon/capability/capability.ts";
import type { Made } from "../../../src/daemon/vm/parts/part.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

/** A lamp for each VM that runs, which is green or red as its label says. */
class Lamps implements Required<Capability> {
  readonly name = "lamps";
  readonly lit = new Map<string, string>();
  readonly generations = new Map<string, number>();
  readonly greeted: string[] = [];
  broken = false;
  dark = false;
  readonly startPreflight: Required<Capability>["startPreflight"] = async () =>
    this.broken ? [{ level: "error", code: "no_lamp", message: "the lamp is broken", hint: "Mend it." }] : [];
  readonly prepareHost: Required<Capability>["prepareHost"] = async ({ vm }) => {
    this.generations.set(vm.id, vm.generation);
    this.lit.set(vm.id, vm.labels["lamp"] ?? "green");
  };
  readonly postStartWanted: Required<Capability>["postStartWanted"] = ({ labels }) => labels["lamp"] !== "unseen";
  readonly postStart: Required<Capability>["postStart"] = async ({ vm }) => {
    if (this.dark) throw new BangerError("command_failed", "nobody sees it");
    this.greeted.push(vm.name);
  };
  readonly cleanup = async ({ id, generation }: Made) => {
    if ((this.generations.get(id) ?? 0) <= generation) this.lit.delete(id);
  };
  readonly found: Required<Capability>["found"] = () =>
    [...this.lit.keys()].map((id) => ({ id, generation: this.generations.get(id) ?? 0 }));
  readonly applyConfigChange: Required<Capability>["applyConfigChange"] = async (_, after) => {
    if (after.state === "running") this.lit.set(after.id, after.labels["lamp"] ?? "green");
    return { applied: [] };
  };
  readonly doctorChecks: Required<Capability>["doctorChecks"] = [
    {
      name: "lamps.whole",
      run: async () =>
        this.broken ? [{ level: "warning", code: "no_lamp", message: "the lamp is broken", hint: "Mend it." }] : [],
    },
  ];
}

let host: ScriptedHost;
let lamps: Lamps;
beforeEach(async () => {
  lamps = new Lamps();
  host = await ScriptedHost.start((starting) => void (starting.capabilities = [lamps]));
  await host.create("web");
});
afterEach(() => host[Symbol.asyncDispose]());

const lit = () => [...lamps.lit.values()];
const stepsOf = (operation: string) =>
  host.logged
    .filter((record) => record["operation"] === operation && record["phase"] === "completed")
    .map((record) => String(record["step"]))
    .filter((step) => step.includes("lamps"));

describe("a capability that nothing else knows of", () => {
  it("is part of a start, before the VMM and when a command runs, and of a stop", async () => {
    await host.start("web");
    expect(lit()).toEqual(["green"]);
    expect(lamps.greeted).toEqual(["web"]);
    expect(stepsOf("vm.start")).toEqual(["prepare_lamps", "post_start_lamps"]);
    await host.stop("web", 5);
    expect(lit()).toEqual([]);
    expect(stepsOf("vm.stop")).toEqual(["release_prepare_lamps"]);
  });

  it("is no part of a start that has nothing for it to do", async () => {
    await host.set("web", { label: ["lamp=unseen"] });
    await host.start("web");
    expect(lamps.greeted).toEqual([]);
    expect(stepsOf("vm.start")).toEqual(["prepare_lamps"]);
  });

  it("refuses a start before anything is made", async () => {
    lamps.broken = true;
    await expect(host.start("web")).rejects.toMatchObject({
      code: "not_ready",
      plain: expect.stringContaining("the lamp is broken") as string,
    });
    expect(host.show("web")).toMatchObject({ state: "created", generation: 0 });
    expect(host.helper.calls).not.toContain("tap.create");
  });

  it("is told with all else that is missing, in one answer; what is alone in the way keeps its code", async () => {
    host.availableMib = 16;
    await expect(host.start("web")).rejects.toMatchObject({ code: "no_memory" });
    lamps.broken = true;
    const refusal = await host.start("web").catch((error: unknown) => error as BangerError);
    expect(refusal).toMatchObject({
      code: "not_ready",
      details: { findings: [{ code: "no_lamp" }, { code: "no_memory" }] },
    });
    expect(await host.start("web", { overcommit: true }).catch((error: unknown) => error)).toMatchObject({
      details: { findings: [{ code: "no_lamp" }] },
    });
  });

  it("undoes a start that it fails", async () => {
    lamps.dark = true;
    await expect(host.start("web")).rejects.toMatchObject({
      code: "step_failed",
      details: { step: "post_start_lamps" },
    });
    expect(lit()).toEqual([]);
    expect(host.helper.vmms.size + host.helper.taps.size).toBe(0);
  });

  it("hears of a change under a guest", async () => {
    await host.start("web");
    await host.set("web", { label: ["lamp=red"] });
    expect(lit()).toEqual(["red"]);
    expect(stepsOf("vm.set")).toEqual(["apply_lamps"]);
  });

  it("gives up what a VM left that ended while the daemon was away", async () => {
    const { id } = await host.start("web");
    host.endDaemon();
    await host.helper.vmmEnds(id, { status: 0, signal: null });
    await host.startDaemon();
    await host.until("web", ({ state }) => state === "stopped");
    expect(lit()).toEqual([]);
  });

  it("gives up what no VM owns", async () => {
    lamps.lit.set("00112233445566aa", "green");
    host.endDaemon();
    await host.startDaemon();
    expect(lit()).toEqual([]);
  });

  it("is asked by doctor", async () => {
    lamps.broken = true;
    const { checks } = await host.ask(({ doctor }, request) => doctor.run({ fix: false }, request));
    const { findings } = checks.find(({ name }) => name === "lamps.whole") ?? {};
    expect(findings).toMatchObject([{ message: "the lamp is broken" }]);
  });
});
