import { existsSync, readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import type { VmmKind } from "../../../src/rpc/contract/vmm-kind.ts";
import { newOpId } from "../../../src/telemetry/op-id.ts";
import { type Asking, ScriptedHost, type StepPoint } from "../../support/scripted-host.ts";

/** An operation, what it begins with, and what the row of one that was cut off may say, by how its VM is found. */
interface Row {
  readonly prepare: (host: ScriptedHost) => Promise<unknown>;
  readonly ask: (host: ScriptedHost, asking: Asking) => Promise<unknown>;
  readonly found: (state: Vm["state"] | "gone", vm: Vm | undefined) => readonly string[];
}

const rests = (host: ScriptedHost) => host.create("web");
const runs = async (host: ScriptedHost) => {
  await host.create("web");
  await host.start("web");
};
const stands = async (host: ScriptedHost) => {
  await runs(host);
  await host.pause("web");
};
const begins: Row["found"] = (state) => [state === "running" ? "finished" : "undone"];
/** A guest that was asked to go may still be about to when that is told. */
const ends: Row["found"] = (state) => (state === "running" ? ["undone"] : ["finished", "goes_on"]);
const removes: Row["found"] = (state) => [state === "gone" ? "finished" : "undone"];
const sets: Row["found"] = (_, vm) => [vm?.disk_mib === 30_720 ? "finished" : "undone"];

const rows: Readonly<Record<string, Row>> = {
  create: {
    prepare: async () => undefined,
    ask: (host, asking) => host.create("web", asking),
    found: (state) => [state === "gone" ? "undone" : "finished"],
  },
  start: { prepare: rests, ask: (host, asking) => host.start("web", asking), found: begins },
  stop: { prepare: runs, ask: (host, asking) => host.stop("web", 5, asking), found: ends },
  "stop without time": { prepare: runs, ask: (host, asking) => host.stop("web", 0, asking), found: ends },
  kill: { prepare: runs, ask: (host, asking) => host.kill("web", asking), found: ends },
  restart: { prepare: runs, ask: (host, asking) => host.restart("web", 5, asking), found: begins },
  delete: { prepare: rests, ask: (host, asking) => host.delete("web", false, asking), found: removes },
  "delete --force": { prepare: runs, ask: (host, asking) => host.delete("web", true, asking), found: removes },
  "set --disk": { prepare: rests, ask: (host, asking) => host.set("web", { disk_mib: 30_720 }, asking), found: sets },
  "set --disk under a guest": {
    prepare: runs,
    ask: (host, asking) => host.set("web", { disk_mib: 30_720, network: "isolated" }, asking),
    found: sets,
  },
  resume: {
    prepare: stands,
    ask: (host, asking) => host.ask(({ vms }, request) => vms.resume({ vm: "web" }, request), asking),
    found: (_, vm) => [vm?.health === "paused" ? "undone" : "finished"],
  },
  pause: {
    prepare: runs,
    ask: (host, asking) => host.pause("web", asking),
    found: (_, vm) => [vm?.health === "paused" ? "finished" : "undone"],
  },
};

/** A host whose VMs run under that VMM, and whose guests go when they are asked to. */
async function makeHost(vmm: VmmKind): Promise<ScriptedHost> {
  const host = await ScriptedHost.start();
  if (vmm === "firecracker") host.installFirecracker();
  host.helper.onStarted = (started) => {
    started.agent.onShutdown = () => {
      const [id] = [...host.helper.vmms].find(([, { either }]) => either === started) ?? [];
      if (id !== undefined) void host.helper.vmmEnds(id, { status: 0, signal: null });
    };
  };
  return host;
}

const last = new Map<VmmKind, ScriptedHost>();

/** Does it on a host that is as new: that of the case before, when that left nothing. */
async function onHost(vmm: VmmKind, work: (host: ScriptedHost) => Promise<void>): Promise<void> {
  const host = last.get(vmm) ?? (await makeHost(vmm));
  last.delete(vmm);
  try {
    await work(host);
    last.set(vmm, host);
  } finally {
    host.atStep = () => undefined;
    if (!last.has(vmm)) await host[Symbol.asyncDispose]();
  }
}
afterAll(async () => {
  for (const host of last.values()) await host[Symbol.asyncDispose]();
});

/** A moment of an operation, and whether there is a VMM to die in it. */
type Point = StepPoint & { readonly vmm: boolean };

/** The moments that an operation goes through, by itself: a step that is added to it is among them. */
async function pointsOf(vmm: VmmKind, { prepare, ask }: Row): Promise<Point[]> {
  await using host = await makeHost(vmm);
  const points: Point[] = [];
  await prepare(host);
  const others = host.services.vms.list().filter((made) => made.vmm !== vmm);
  if (others.length > 0) throw new Error(`this is about ${vmm}, and ${others[0]?.vmm} runs its VM`);
  host.atStep = (point) => void points.push({ ...point, vmm: host.helper.vmms.size > 0 });
  await ask(host, {});
  return points;
}

const isAt = (point: StepPoint, { operation, step, when }: StepPoint) =>
  point.operation === operation && point.step === step && point.when === when;

/** Asks for the operation; at the point `strikes` is called once, and the step goes on when that has resolved. */
async function until(host: ScriptedHost, row: Row, at: StepPoint, strikes: () => Promise<void>) {
  await row.prepare(host);
  const opId = newOpId();
  const struck = Promise.withResolvers<void>();
  let over = false;
  host.atStep = async (point) => {
    if (over || !isAt(point, at)) return;
    over = true;
    struck.resolve();
    await strikes();
  };
  const ended = row.ask(host, { opId }).then(
    () => "ok",
    () => "failed",
  );
  await struck.promise;
  return { opId, ended };
}

/** Waits until nothing is under way and each VMM's end was noticed, then says how the VM is. */
async function settled(host: ScriptedHost): Promise<Vm["state"] | "gone"> {
  const isRestless = ({ id, state }: Vm) =>
    ["creating", "starting", "stopping"].includes(state) || (state === "running" && !host.helper.vmms.has(id));
  for (;;) {
    const vms = host.services.vms.list();
    if (!vms.some(isRestless) && host.services.operations.underWay().length === 0) return vms[0]?.state ?? "gone";
    await delay(2);
  }
}

/** Records are true, and nothing is held that no VM owns. */
async function expectTruth(host: ScriptedHost): Promise<void> {
  expect((await host.reconcile(true)).items).toEqual([]);
  const vms = host.services.vms.list();
  const { vmms, taps, isolated, exits } = host.helper;
  const running = vms.filter(({ state }) => state === "running");
  const ids = running.map(({ id }) => id);
  expect([...vmms].map(([id, { generation }]) => [id, generation])).toEqual(
    running.map(({ id, generation }) => [id, generation]),
  );
  expect([...taps.keys()]).toEqual(ids);
  expect([...isolated].filter((id) => !taps.has(id))).toEqual([]);
  expect([...exits.keys()].filter((id) => !ids.includes(id))).toEqual([]);
  expect(readdirSync(host.layout.vms)).toEqual(vms.map(({ id }) => id));
  for (const { id, state, pid, error, exit } of vms) {
    expect(Object.values(host.layout.vm(id).rootDisk).filter((path) => existsSync(path))).toHaveLength(1);
    expect(existsSync(host.layout.vm(id).initrd)).toBe(state === "running");
    expect(pid === null).toBe(state !== "running");
    if (state === "failed") expect({ error, exit }).toMatchObject({ error: { code: "guest_died" }, exit: {} });
  }
}

/** The VM that is there can be deleted; the name is free then, as the next case finds, and nothing is held. */
async function expectFree(host: ScriptedHost, state: Vm["state"] | "gone"): Promise<void> {
  if (state !== "gone") await host.delete("web", true);
  expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  expect(readdirSync(host.layout.vms)).toEqual([]);
}

const kinds: readonly VmmKind[] = ["qemu", "firecracker"];
const named = kinds.flatMap((vmm) => Object.entries(rows).map(([name, row]) => ({ vmm, name, row })));
const points = await Promise.all(named.map(async (one) => ({ ...one, points: await pointsOf(one.vmm, one.row) })));
const text = ({ operation, step, when }: Point) => `${when} ${operation} ${step}`;
const cases = points.flatMap(({ points: all, ...one }) => all.map((point) => ({ ...one, point, at: text(point) })));

describe("what dies at each moment of each operation leaves true records and nothing else", () => {
  it("has moments to die at, of each operation", () => {
    for (const { vmm, name, points: all } of points) expect([vmm, name, all.length > 0]).toEqual([vmm, name, true]);
    expect(cases.map(({ at }) => at)).toContain("after vm.start connect");
  });

  it.each(cases)("the daemon: $name under $vmm, $at", ({ vmm, row, point }) =>
    onHost(vmm, async (host) => {
      // As SIGKILL does: what was under way goes on nowhere, and is undone by nobody.
      const { opId } = await until(host, row, point, () => new Promise(() => undefined));
      host.endDaemon();
      await host.startDaemon();
      const state = await settled(host);
      await expectTruth(host);
      const { state: outcome, found } = host.status(opId);
      expect(outcome).toBe("interrupted");
      expect(row.found(state, host.services.vms.list()[0])).toEqual(
        found === undefined ? [] : expect.arrayContaining([found]),
      );
      await expectFree(host, state);
    }),
  );

  it.each(cases)("the helper: $name under $vmm, $at", ({ vmm, row, point }) =>
    onHost(vmm, async (host) => {
      const { ended, opId } = await until(host, row, point, async () => void (host.helper.away = true));
      const outcome = await ended;
      expect(host.status(opId).state).toBe(outcome);
      await host.helper.reachable();
      const state = await settled(host);
      await expectTruth(host);
      await expectFree(host, state);
    }),
  );

  it.each(cases.filter(({ point }) => point.vmm))("the VMM: $name under $vmm, $at", ({ vmm, row, point }) =>
    onHost(vmm, async (host) => {
      const { ended } = await until(host, row, point, async () => {
        for (const id of host.helper.vmms.keys()) await host.helper.vmmEnds(id, { status: null, signal: 9 });
      });
      await ended;
      const state = await settled(host);
      await expectTruth(host);
      await expectFree(host, state);
    }),
  );
});
