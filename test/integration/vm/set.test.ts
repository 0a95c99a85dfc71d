import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { qcow2Size } from "../../../src/daemon/disk/qcow2-header.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { ChangedVm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
  await host.create("web");
});
afterEach(() => host[Symbol.asyncDispose]());

const set = (disk_mib?: number): Promise<ChangedVm> => host.set("web", disk_mib === undefined ? {} : { disk_mib });
const gib = 1024;

describe("vm set --disk", () => {
  it("grows a disk that nobody has open", async () => {
    expect(await set(40 * gib)).toMatchObject({ disk_mib: 40 * gib, state: "created" });
    expect(qcow2Size(host.layout.vm(host.show("web").id).rootDisk.qcow2)).toBe(40 * 2 ** 30);
    expect(host.helper.calls).not.toContain("vmm.limits");
  });

  it("grows one under its guest: its VMM may write more first, then it is told", async () => {
    const { id } = await host.start("web");
    expect(await set(40 * gib)).toMatchObject({ disk_mib: 40 * gib, state: "running" });
    expect(host.helper.calls).toContain("vmm.limits");
    expect(host.helper.vmms.get(id)?.vmm.executed).toContain("block_resize");
  });

  it.each([
    ["smaller", 10 * gib, "bad_params"],
    ["absurdly small", 64, "bad_params"],
  ])("refuses what is %s, and says the least", async (_, size, code) => {
    await expect(set(size)).rejects.toMatchObject({ code, details: { field: "disk_mib", least: 20 * gib } });
    expect(host.show("web").disk_mib).toBe(20 * gib);
  });

  it.each([
    ["the same size", 20 * gib],
    ["nothing", undefined],
  ])("of %s changes nothing, and says so", async (_, size) => {
    expect(await set(size)).toMatchObject({ unchanged: true, disk_mib: 20 * gib });
  });

  it("leaves the record true where the helper, or the VMM, can't", async () => {
    const { id } = await host.start("web");
    host.helper.trouble.set("vmm.limits", { fails: new BangerError("command_failed", "no") });
    await expect(set(40 * gib)).rejects.toMatchObject({ code: "step_failed", details: { step: "limits" } });
    host.helper.trouble.clear();
    expect(host.helper.vmms.get(id)?.vmm.executed).not.toContain("block_resize");
    expect(host.show("web").disk_mib).toBe(20 * gib);
    expect(await set(40 * gib)).toMatchObject({ disk_mib: 40 * gib });
  });
});

describe("vm set, of a VM that rests", () => {
  it("changes everything at once, and nothing waits", async () => {
    const given = { cpus: 2, memory_mib: 1024, network: "isolated" as const, label: ["team=infra"] };
    expect(await host.set("web", given)).toMatchObject({
      cpus: 2,
      memory_mib: 1024,
      network: "isolated",
      labels: { team: "infra" },
      waits: {},
    });
    await host.start("web");
    expect(host.helper.isolated).toEqual(new Set([host.show("web").id]));
  });

  it.each([
    [
      "fewer MiB than its kernel boots with",
      { memory_mib: 63 },
      { code: "bad_params", details: { field: "memory_mib" } },
    ],
    ["two values of a label", { label: ["a=1", "a=2"] }, { code: "bad_params", details: { field: "label" } }],
  ])("refuses %s, and changes nothing else that was asked for", async (_, given, refusal) => {
    await expect(host.set("web", { cpus: 8, ...given })).rejects.toMatchObject(refusal);
    expect(host.show("web")).toMatchObject({ cpus: 1, memory_mib: 512, labels: {} });
  });
});

describe("vm set, of labels", () => {
  it.each<[string, string[], string[], Record<string, string>]>([
    ["writes one on, beside those there are", ["b=2"], [], { a: "1", b: "2" }],
    ["writes another value", ["a="], [], { a: "" }],
    ["takes one off", [], ["a"], {}],
    ["takes off what isn't there", [], ["zz"], { a: "1" }],
    ["writes __proto__'s like any other's key", ["proto=x"], [], { a: "1", proto: "x" }],
  ])("%s", async (_, label, unlabel, labels) => {
    await host.set("web", { label: ["a=1"] });
    expect((await host.set("web", { label, unlabel })).labels).toEqual(labels);
  });
});

describe("vm set, of a VM that runs", () => {
  it("says what it keeps until its next start, and takes that back when it is set as it was", async () => {
    await host.start("web");
    expect(await host.set("web", { cpus: 4, memory_mib: 2048 })).toMatchObject({
      cpus: 4,
      waits: { cpus: 1, memory_mib: 512 },
    });
    expect(await host.set("web", { cpus: 8 })).toMatchObject({ cpus: 8, waits: { cpus: 1, memory_mib: 512 } });
    expect(await host.set("web", { cpus: 1 })).toMatchObject({ cpus: 1, waits: { memory_mib: 512 } });
    host.endDaemon();
    await host.startDaemon();
    expect(host.show("web").waits).toEqual({ memory_mib: 512 });
    expect(await host.restart("web", 5)).toMatchObject({ memory_mib: 2048, waits: {} });
  });

  it("counts the memory that its guest has, not what it will have", async () => {
    await host.start("web");
    await host.set("web", { memory_mib: 60_000 });
    await host.create("db");
    expect(await host.start("db")).toMatchObject({ state: "running" });
  });

  it("isolates its guest, and lets it out again, at once", async () => {
    const { id } = await host.start("web");
    expect(await host.set("web", { network: "isolated" })).toMatchObject({ network: "isolated", waits: {} });
    expect(host.helper.isolated.has(id)).toBe(true);
    expect(await host.set("web", { network: "nat" })).toMatchObject({ network: "nat", waits: {} });
    expect(host.helper.isolated.has(id)).toBe(false);
  });

  it("can't take a network device away, nor is it isolated while it has that", async () => {
    const { id } = await host.start("web");
    expect(await host.set("web", { network: "none" })).toMatchObject({ network: "none", waits: { network: "nat" } });
    expect(await host.set("web", { network: "isolated" })).toMatchObject({ network: "isolated", waits: {} });
    expect(host.helper.isolated.has(id)).toBe(true);
    expect(await host.set("web", { network: "none" })).toMatchObject({ waits: { network: "isolated" } });
  });

  it("is as it was where the helper can't isolate it", async () => {
    await host.start("web");
    host.helper.trouble.set("tap.isolate", { fails: new BangerError("command_failed", "no") });
    await expect(host.set("web", { cpus: 2, network: "isolated" })).rejects.toMatchObject({
      code: "step_failed",
      details: { step: "apply_nat" },
    });
    expect(host.show("web")).toMatchObject({ cpus: 1, network: "nat", waits: {} });
  });

  it("says what runs while a change is being made, and is as it was when its caller leaves", async () => {
    await host.start("web");
    host.helper.trouble.set("tap.isolate", "hangs");
    const leaving = new AbortController();
    const left = host.set("web", { network: "isolated" }, { signal: leaving.signal }).catch((error: unknown) => error);
    await host.until("web", ({ network }) => network === "isolated");
    expect(host.show("web").waits).toEqual({ network: "nat" });
    host.helper.trouble.set("tap.isolate", { fails: new BangerError("not_found", "no tap") });
    leaving.abort();
    expect(await left).toBeInstanceOf(BangerError);
    expect(host.show("web")).toMatchObject({ network: "nat", waits: {} });
  });

  it("is as its record says again, where a daemon ended between making it so and saying it", async () => {
    const { id } = await host.start("web");
    host.helper.isolated.add(id);
    host.database.prepare(`UPDATE vms SET network = 'isolated', waits = '{"network":"nat"}' WHERE id = ?`).run(id);
    host.endDaemon();
    host.helper.isolated.clear();
    await host.startDaemon();
    expect(host.show("web")).toMatchObject({ network: "isolated", waits: {} });
    expect(host.helper.isolated.has(id)).toBe(true);
  });
});
