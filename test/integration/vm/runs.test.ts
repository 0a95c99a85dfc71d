import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const left = () => host.services.vms.list();
const nothingHeld = () => expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
const cancelled = new BangerError("cancelled", "the caller went away");

/** A caller that leaves when `when` calls what it is given. */
function leaving(when: (leave: () => void) => void): AbortSignal {
  const caller = new AbortController();
  when(() => caller.abort(cancelled));
  return caller.signal;
}

describe("vm run --rm", () => {
  it("is one operation, whose VM is gone when its command has ended", async () => {
    expect(await host.run({ name: "web", rm: true })).toMatchObject({
      exit_code: 0,
      vm: { name: "web" },
      removed: true,
    });
    expect(left()).toEqual([]);
    nothingHeld();
    const names = host.spans
      .filter(({ name }) => name.startsWith("step "))
      .map(({ name, trace_id }) => `${trace_id} ${name}`);
    expect(new Set(names.map((name) => name.split(" ")[0])).size).toBe(1);
    expect(names.join("\n")).toMatch(/step root_disk[^]*step ready[^]*step release_vmm[^]*step forget/);
  });

  it.each([
    ["its start fails", "fails"],
    ["its caller leaves during its start", "leaves"],
  ])("leaves nothing when %s", async (_, how) => {
    const fails = { fails: new BangerError("host_failed", "no tap to be had") };
    host.helper.trouble.set("tap.create", how === "fails" ? fails : "hangs");
    const caller = new AbortController();
    const onEvent = (event: string, data: unknown) => {
      if (how === "leaves" && event === "step" && (data as { step: string }).step === "tap") caller.abort(cancelled);
    };
    const running = host.run({ name: "web", rm: true }, { signal: caller.signal, onEvent });
    await expect(running).rejects.toMatchObject({ code: how === "fails" ? "host_failed" : "cancelled" });
    expect(left()).toEqual([]);
    nothingHeld();
  });

  it("leaves nothing when its caller is gone while its command runs, without waiting for that", async () => {
    const signal = leaving((leave) => {
      host.helper.onStarted = ({ agent }) => Object.assign(agent, { commands: "run", onCommand: leave });
    });
    await expect(host.run({ rm: true }, { signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(left()).toEqual([]);
    nothingHeld();
  });

  it("leaves nothing when its guest dies under its command", async () => {
    host.helper.onStarted = ({ agent }) =>
      Object.assign(agent, {
        commands: "run",
        onCommand: () => left().map(({ id }) => host.helper.vmmEnds(id, { status: 1, signal: null })),
      });
    await expect(host.run({ rm: true })).rejects.toMatchObject({ code: "guest_died" });
    expect(left()).toEqual([]);
  });

  it("says so when its VM can't be deleted yet, and deletes it when the helper is back", async () => {
    host.helper.onStarted = ({ agent }) => (agent.onCommand = () => (host.helper.away = true));
    const outcome = await host.run({ name: "web", rm: true });
    expect(outcome).toMatchObject({
      exit_code: 0,
      removed: false,
      not_removed: expect.stringContaining("away") as string,
    });
    expect(host.show("web").remove_at_end).toBe(true);
    await host.helper.reachable();
    await expect.poll(left).toEqual([]);
    nothingHeld();
  });

  it("is finished by the next daemon, where the one that ran it ended", async () => {
    const begun = Promise.withResolvers<void>();
    host.helper.onStarted = ({ agent }) => Object.assign(agent, { commands: "run", onCommand: begun.resolve });
    const running = host.run({ name: "web", rm: true });
    running.catch(() => undefined);
    await begun.promise;
    // Killed: what it had under way never ends.
    host.services.helper.close();
    host.services.close = () => undefined;
    host.database.close();
    await host.startDaemon();
    await expect.poll(left).toEqual([]);
    nothingHeld();
  });
});

describe("vm run", () => {
  it("leaves its VM running, and another's command in peace", async () => {
    expect(await host.run({ name: "web", label: ["a=1"] })).toMatchObject({ exit_code: 0, removed: false });
    expect(host.show("web")).toMatchObject({ state: "running", labels: { a: "1" }, remove_at_end: false });
    await host.helper.reachable();
    expect(host.show("web").state).toBe("running");
  });

  it("keeps a VM whose start failed, and says where it is", async () => {
    host.helper.trouble.set("tap.create", { fails: new BangerError("host_failed", "no tap to be had") });
    await expect(host.run({ name: "web" })).rejects.toMatchObject({
      code: "host_failed",
      details: { hint: expect.stringContaining("`vm show web`") as string },
    });
    expect(host.show("web")).toMatchObject({ state: "created", error: { code: "host_failed" } });
  });

  it("of a name that is taken makes nothing", async () => {
    await host.create("web");
    await expect(host.run({ name: "web", rm: true })).rejects.toMatchObject({ code: "already_exists" });
    expect(left()).toHaveLength(1);
  });
});
