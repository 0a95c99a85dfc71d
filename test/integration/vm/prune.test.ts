import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maxFrameBytes } from "../../../src/rpc/frame.ts";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const all = { older_s: 0, label: [] as string[], only: [] as string[], keep_work: false, dry_run: false, force: true };
const prune = (given: Partial<typeof all> = {}) =>
  host.ask(({ vms }, request) => vms.prune({ ...all, ...given }, request));
const rename = (vm: string, name: string) => host.ask(({ vms }, request) => vms.rename({ vm, name }, request));
const names = () => host.services.vms.list().map(({ name }) => name);

describe("vm prune", () => {
  it("deletes what doesn't run, and says how much that took", async () => {
    for (const name of ["made", "runs", "ended"]) await host.create(name);
    await host.start("runs");
    await host.start("ended");
    await host.kill("ended");
    expect((await prune({ dry_run: true })).vms.map(({ name }) => name)).toEqual(["made", "ended"]);
    expect(names()).toHaveLength(3);
    const done = await prune();
    expect(done.vms.map(({ name, state }) => [name, state])).toEqual([
      ["made", "created"],
      ["ended", "stopped"],
    ]);
    expect(done.freed_mib).toBe(done.vms.reduce((sum, { disk_used_mib: mib }) => sum + mib, 0));
    expect(names()).toEqual(["runs"]);
  });

  it("leaves what was used since, what has other labels, what isn't named, and what is under way", async () => {
    await host.ask(({ vms }, request) =>
      vms.create({ name: "ci", cpus: 1, memory_mib: 512, network: "nat", label: ["ci=1"], volume: [] }, request),
    );
    const other = await host.create("other");
    expect((await prune({ older_s: 3600 })).vms).toEqual([]);
    expect((await prune({ label: ["ci=2"] })).vms).toEqual([]);
    expect((await prune({ label: ["ci"], only: [other.id] })).vms).toEqual([]);
    host.helper.trouble.set("tap.create", "hangs");
    const starting = host.start("other").catch((error: unknown) => error);
    await host.until("other", ({ state }) => state === "starting");
    expect((await prune()).vms.map(({ name }) => name)).toEqual(["ci"]);
    await host.kill("other");
    expect(await starting).toBeInstanceOf(BangerError);
    expect(names()).toEqual(["other"]);
  });
});

describe("vm rename", () => {
  it("changes the name and nothing else, also while it runs", async () => {
    await host.create("web");
    const { id, address, pid } = await host.start("web");
    expect(await rename("web", "shop")).toMatchObject({ id, name: "shop", address, pid, state: "running" });
    expect(await rename("shop", "shop")).toMatchObject({ unchanged: true });
    await expect(host.exec("web")).rejects.toMatchObject({ code: "not_found" });
    expect(await host.exec("shop")).toMatchObject({ exit_code: 0 });
  });

  it("takes no name that another has", async () => {
    await host.create("web");
    await host.create("db");
    await expect(rename("web", "db")).rejects.toMatchObject({ code: "already_exists" });
    const outcomes = await Promise.allSettled([rename("web", "new"), rename("db", "new")]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });
});

describe("a list of many VMs that failed", () => {
  const list = () => host.ask(({ vms }, request) => vms.listOrWatch({ watch: false, label: [], state: [] }, request));
  const failWith = async (error: object) => {
    for (let n = 0; n < 30; n++) await host.create(`web-${n}`);
    host.database
      .prepare("UPDATE vms SET state = 'failed', error = ?")
      .run(JSON.stringify({ code: "guest_died", message: "it panicked", op_id: "op-1", ...error }));
  };

  it("fits into an answer, as it leaves out what each of their consoles said", async () => {
    const console = "\ufffd".repeat(16_384);
    await failWith({ console });
    const answer = await list();
    expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThan(maxFrameBytes / 10);
    expect(answer.vms[0]?.error).toEqual({ code: "guest_died", message: "it panicked", op_id: "op-1" });
    expect((await host.services.vms.show("web-0")).error?.console).toBe(console);
  });

  it("that is too long all the same says what to do", async () => {
    await failWith({ message: "x".repeat(40_000) });
    await expect(list()).rejects.toMatchObject({
      code: "frame_too_large",
      plain: expect.stringMatching(/^30 VMs are \d+ bytes/) as string,
      details: { hint: expect.stringContaining("--state") as string },
    });
  });
});

describe("who watches VMs", () => {
  it("is told them at once and after each change, and only what is asked for", async () => {
    const told: Vm[][] = [];
    const caller = new AbortController();
    const onEvent = (_: string, data: unknown) => void told.push((data as { vms: Vm[] }).vms);
    const watching = host.ask(
      ({ vms }, request) => vms.listOrWatch({ watch: true, label: [], state: ["running"] }, request),
      { signal: caller.signal, onEvent },
    );
    await expect.poll(() => told.length).toBe(1);
    await host.create("web");
    const { id } = await host.start("web");
    await expect.poll(() => told.at(-1)?.map(({ name, health }) => [name, health])).toEqual([["web", "ok"]]);
    const before = told.length;
    // That it is used is no change.
    await host.exec("web");
    await host.helper.vmmEnds(id, { status: 0, signal: null });
    await expect.poll(() => told.at(-1)).toEqual([]);
    expect(told.length).toBeLessThanOrEqual(before + 2);
    caller.abort(new BangerError("cancelled", "left"));
    await expect(watching).rejects.toMatchObject({ code: "cancelled" });
  });
});
