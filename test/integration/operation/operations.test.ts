import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { newOpId, traceIdOf, type OpId } from "../../../src/telemetry/op-id.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const rowOf = (opId: OpId) =>
  host.database
    .prepare("SELECT trace_id, kind, caller_uid, caller_pid, outcome, error FROM operations WHERE trace_id = ?")
    .get(traceIdOf(opId)) as Record<string, unknown>;

it("an operation's row says who asked and what came of it", async () => {
  const [made, refused] = [newOpId(), newOpId()];
  await host.create("web", { opId: made });
  await expect(host.create("web", { opId: refused })).rejects.toMatchObject({ code: "already_exists" });
  expect(rowOf(made)).toMatchObject({ kind: "mutation", caller_uid: 61_000, caller_pid: 4242, outcome: "ok" });
  expect(rowOf(refused)).toMatchObject({ outcome: "failed" });
  expect(rowOf(refused)["error"]).toBe("name: a VM is called web already [already_exists]");
});

it.each([
  ["boot-1", "the daemon ended before it did"],
  ["boot-2", "the host was restarted before it ended"],
])(
  "an operation that was under way is interrupted when the next daemon finds it, in %s: %s",
  async (bootId, message) => {
    host.helper.trouble.set("vmm.start", "hangs");
    const opId = newOpId();
    await host.create("web");
    const starting = host.start("web", { opId }).catch((error: unknown) => error);
    await host.until("web", ({ state }) => state === "starting");
    expect(rowOf(opId)).toMatchObject({ outcome: "running" });
    // A daemon that is killed writes nothing more: the row is as it was.
    const killed = rowOf(opId);
    await host.kill("web");
    await starting;
    host.database
      .prepare("UPDATE operations SET outcome = 'running' WHERE trace_id = ?")
      .run(String(killed["trace_id"]));
    host.endDaemon();
    host.bootId = bootId;
    await host.startDaemon();
    expect(rowOf(opId)).toMatchObject({ outcome: "interrupted", error: message });
  },
);

it("an undo waits for no caller who doesn't read", async () => {
  host.helper.trouble.set("vmm.start", { fails: new BangerError("command_failed", "no") });
  await host.create("web");
  const never = new Promise<void>(() => undefined);
  const starting = host.start("web", { onEvent: () => never }).catch((error: unknown) => error);
  await host.until("web", ({ state, error }) => state === "created" && error !== null);
  expect(host.helper.taps.size).toBe(0);
  // The answer itself comes when the caller had its time.
  expect(await starting).toMatchObject({ details: { step: "vmm" } });
});

describe("the same op_id again", () => {
  it("and the same parameters are one operation, while it runs, when it has ended, and after the daemon's restart", async () => {
    const opId = newOpId();
    const [first, second] = await Promise.all([host.create("one", { opId }), host.create("one", { opId })]);
    const third = await host.create("one", { opId });
    host.endDaemon();
    await host.startDaemon();
    const fourth = await host.create("one", { opId });
    expect(new Set([first, second, third, fourth].map(({ id }) => id))).toEqual(new Set([first.id]));
    expect(await host.beginCreate("one", { opId })).toMatchObject({
      op_id: opId,
      state: "ok",
      result: { id: first.id },
    });
    expect(host.services.vms.list()).toHaveLength(1);
  });

  it.each([
    ["while it runs", false],
    ["when it has ended", true],
  ])("and other parameters are refused %s", async (_, ended) => {
    const opId = newOpId();
    const first = host.create("one", { opId });
    if (ended) await first;
    await expect(host.create("two", { opId })).rejects.toMatchObject({
      code: "op_id_reused",
      message: expect.stringContaining("is a vm.create with other parameters") as string,
    });
    await first;
    host.endDaemon();
    await host.startDaemon();
    await expect(host.create("two", { opId })).rejects.toMatchObject({ code: "op_id_reused" });
  });

  it("is a command's second request where it asks for another thing, but not before the first is done", async () => {
    const opId = newOpId();
    await host.create("one");
    const creating = host.create("two", { opId });
    await expect(host.beginStart("one", { opId })).rejects.toMatchObject({ code: "op_id_reused" });
    await creating;
    expect(await host.start("two", { opId, params: { vm: "two" } })).toMatchObject({ state: "running" });
  });

  it("fails as it failed", async () => {
    await host.create("one");
    const opId = newOpId();
    for (let round = 0; round < 3; round++) {
      await expect(host.create("one", { opId })).rejects.toMatchObject({ code: "already_exists" });
      if (round === 1) {
        host.endDaemon();
        await host.startDaemon();
      }
    }
  });
});
