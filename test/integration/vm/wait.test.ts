import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
  await host.create("web");
});
afterEach(() => host[Symbol.asyncDispose]());

describe("waiting until a VM is ready", () => {
  it("is over at once when it is", async () => {
    await host.start("web");
    expect(await host.wait("web", "ready", 10)).toMatchObject({ state: "running" });
  });

  it("lasts while it starts", async () => {
    const starting = host.start("web");
    expect(await host.wait("web", "ready", 10)).toMatchObject({ state: "running", health: "ok" });
    await starting;
  });

  it("goes on over a reboot", async () => {
    const vm = await host.start("web");
    host.helper.vmms.get(vm.id)?.vmm.event("SHUTDOWN", { guest: true, reason: "guest-reset" });
    await host.helper.vmmEnds(vm.id, { status: 0, signal: null });
    await host.until("web", ({ health }) => health !== "ok");
    expect(await host.wait("web", "ready", 10)).toMatchObject({ state: "running", generation: 2 });
  });

  it("lasts while its guest stands still", async () => {
    await host.start("web");
    await host.pause("web");
    await expect(host.wait("web", "ready", 0.3)).rejects.toMatchObject({
      code: "deadline_exceeded",
      plain: expect.stringContaining("it is running, paused") as string,
    });
    const waiting = host.wait("web", "ready", 10);
    await host.resume("web");
    expect(await waiting).toMatchObject({ health: "ok" });
  });

  it("is refused where nobody starts it", async () => {
    await expect(host.wait("web", "ready", 10)).rejects.toMatchObject({ code: "wrong_state" });
  });

  it.each<[string, () => Promise<unknown>, Partial<BangerError>]>([
    ["is killed", () => host.kill("web"), { code: "guest_died" }],
    ["is deleted", () => host.delete("web", true), {}],
  ])("fails when it %s meanwhile", async (_, end, expected) => {
    await host.start("web");
    await host.pause("web");
    const waiting = expect(host.wait("web", "ssh", 60)).rejects.toMatchObject(expected);
    await end();
    await waiting;
  });

  it("says how it is when the time is over", async () => {
    await host.start("web");
    await expect(host.wait("web", "ssh", 0.3)).rejects.toMatchObject({
      code: "deadline_exceeded",
      plain: expect.stringContaining("vm web is not reached by ssh after 0.3 s: it is running") as string,
    });
  });

  it("ends when its caller leaves", async () => {
    await host.start("web");
    const caller = new AbortController();
    const waiting = expect(host.wait("web", "ssh", 60, { signal: caller.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
    caller.abort(new BangerError("cancelled", "cancelled by the caller"));
    await waiting;
  });
});

describe("waiting until a VM has stopped", () => {
  it("is over when it has, also at once", async () => {
    await host.start("web");
    const waiting = host.wait("web", "stopped", 10);
    await host.kill("web");
    expect(await waiting).toMatchObject({ state: "stopped" });
    expect(await host.wait("web", "stopped", 10)).toMatchObject({ state: "stopped" });
  });

  it("fails with what ended it otherwise", async () => {
    const vm = await host.start("web");
    const waiting = expect(host.wait("web", "stopped", 10)).rejects.toMatchObject({
      code: "guest_died",
      plain: expect.stringContaining("signal 11") as string,
    });
    await host.helper.vmmEnds(vm.id, { status: null, signal: 11 });
    await waiting;
  });
});
