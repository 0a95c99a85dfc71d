import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OperationStatus } from "../../../src/rpc/contract/operation.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { newOpId, traceIdOf, type OpId } from "../../../src/telemetry/op-id.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";
import { expectInvariants } from "../../support/trace-tree.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

interface Told {
  readonly step: string;
  readonly phase: string;
  readonly number: number;
}

/** A waiter that keeps what it is told; `enough` ends its waiting. */
function waiter(enough: (told: readonly Told[]) => boolean = () => false) {
  const told: Told[] = [];
  const leaving = new AbortController();
  const onEvent = (_: string, data: unknown) => {
    told.push(data as Told);
    if (enough(told)) leaving.abort(new BangerError("cancelled", "left"));
  };
  return { told, asking: { onEvent, signal: leaving.signal } };
}

/** A start that hangs at its VMM until somebody ends it. */
async function hanging(): Promise<OperationStatus> {
  host.helper.trouble.set("vmm.start", "hangs");
  await host.create("web");
  const begun = await host.beginStart("web");
  await host.waitFor(begun.op_id, 0, waiter((told) => told.at(-1)?.step === "vmm").asking).catch(() => undefined);
  return begun;
}

async function over(opId: string): Promise<OperationStatus> {
  return host.waitFor(opId);
}

/** What those steps tell when all goes well. */
const toldOf = ({ steps }: OperationStatus) => steps.flatMap(({ step }) => [`${step} started`, `${step} completed`]);

describe("an operation that was begun", () => {
  it("says which VM it is about, by its name and once that is gone by its id, and tells time from its beginning", async () => {
    const { id } = await host.create("web");
    await host.start("web");
    const opId = newOpId();
    await host.restart("web", 0, { opId });
    const { vm, steps } = host.status(opId);
    expect(vm).toBe("web");
    const began = steps.map(({ began_ms }) => began_ms);
    expect(began).toEqual(began.toSorted((a, b) => a - b));
    await host.delete("web", true);
    expect(host.status(opId).vm).toBe(id);
    expect(host.services.operationAccess.list(50).find(({ op_id }) => op_id === opId)?.vm).toBe(id);
  });

  it("is answered at once, goes on by itself, and comes to what its method answers", async () => {
    const opId = newOpId();
    const begun = await host.beginCreate("web", { opId });
    expect(begun).toMatchObject({ op_id: opId, method: "vm.create", state: "running", caller_uid: 61_000 });
    const ended = await over(opId);
    expect(ended).toMatchObject({ state: "ok", result: { name: "web", state: "created" } });
    expect(ended).not.toHaveProperty("found");
    // What only the daemon knows of a VM stays with it.
    expect(ended.result).not.toHaveProperty("boot_id");
    expect(ended.steps.map(({ step, phase }) => `${step} ${phase}`)).toEqual(
      ["record", "directory", "root_disk", "host_key", "created"].map((step) => `${step} completed`),
    );
  });

  it("twice at once is one", async () => {
    const opId = newOpId();
    await Promise.all([host.beginCreate("web", { opId }), host.beginCreate("web", { opId })]);
    expect(await over(opId)).toMatchObject({ state: "ok" });
    await expect(host.beginCreate("other", { opId })).rejects.toMatchObject({ code: "op_id_reused" });
    expect(host.services.vms.list()).toHaveLength(1);
  });

  it("fails at once where nothing could be begun, and later where it could", async () => {
    await expect(host.beginStart("web")).rejects.toMatchObject({ code: "not_found" });
    await host.create("web");
    const { op_id: opId } = await host.beginCreate("web");
    expect(await over(opId)).toMatchObject({
      state: "failed",
      error: { code: "already_exists", message: "vm.create: name: a VM is called web already" },
    });
  });

  it("isn't cancelled when its caller goes", async () => {
    const caller = new AbortController();
    await host.create("web");
    const { op_id: opId } = await host.beginStart("web", { signal: caller.signal });
    caller.abort(new BangerError("cancelled", "the caller went away"));
    expect(await over(opId)).toMatchObject({ state: "ok", result: { state: "running" } });
  });

  it("has spans that outlive the request, in its one trace, and a line for its end", async () => {
    const { op_id: opId } = await host.beginCreate("web");
    await over(opId);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const spans = host.spans.filter(({ trace_id }) => trace_id === traceIdOf(opId as OpId));
    // The waiting above has a trace of the test's own.
    expectInvariants(spans, opId);
    expect(spans.filter(({ attributes }) => attributes["banger.outlives_parent"] === true)).toMatchObject([
      { name: "vm.create" },
    ]);
    const lines = host.logged.filter((line) => line["op_id"] === opId);
    expect(lines.filter(({ message }) => message === "operation completed")).toHaveLength(1);
  });
});

describe("whoever waits", () => {
  it("misses no step: early, late, back again, and twice at once", async () => {
    await host.create("web");
    const { op_id: opId } = await host.beginStart("web");
    const [early, other, briefly] = [waiter(), waiter(), waiter((told) => told.length === 3)];
    const left = host.waitFor(opId, 0, briefly.asking).catch((error: unknown) => error);
    const [ended] = await Promise.all([host.waitFor(opId, 0, early.asking), host.waitFor(opId, 0, other.asking)]);
    expect(await left).toMatchObject({ code: "cancelled" });
    const [late, back] = [waiter(), waiter()];
    await host.waitFor(opId, 0, late.asking);
    await host.waitFor(opId, (briefly.told.at(-1)?.number ?? 0) + 1, back.asking);
    const all = toldOf(ended);
    expect(all.length).toBeGreaterThan(10);
    for (const told of [early.told, other.told, late.told, [...briefly.told, ...back.told]]) {
      expect(told.map(({ step, phase }) => `${step} ${phase}`)).toEqual(all);
      expect(told.map(({ number }) => number)).toEqual(all.map((_, index) => index));
    }
  });

  it("and doesn't read holds nobody up", async () => {
    await host.create("web");
    const { op_id: opId } = await host.beginStart("web");
    const leaving = new AbortController();
    const stuck = host
      .waitFor(opId, 0, {
        signal: leaving.signal,
        onEvent: () =>
          new Promise((resolve) => {
            leaving.signal.addEventListener("abort", () => resolve());
          }),
      })
      .catch((error: unknown) => error);
    expect(await over(opId)).toMatchObject({ state: "ok" });
    leaving.abort(new BangerError("cancelled", "left"));
    await stuck;
  });

  it("is told the steps of what an earlier daemon did", async () => {
    await host.create("web");
    const { op_id: opId } = await host.beginStart("web");
    const before = await over(opId);
    host.endDaemon();
    await host.startDaemon();
    const late = waiter();
    const after = await host.waitFor(opId, 0, late.asking);
    expect(after).toMatchObject({ state: "ok", method: "vm.start", result: { name: "web" } });
    expect(after.steps.map(({ step, phase }) => `${step} ${phase}`)).toEqual(
      before.steps.map(({ step, phase }) => `${step} ${phase}`),
    );
    expect(late.told.map(({ step, phase }) => `${step} ${phase}`)).toEqual(toldOf(before));
  });
});

describe("cancelling", () => {
  it("ends it and undoes what it began, for who waits to see", async () => {
    const { op_id: opId } = await hanging();
    expect(host.cancelOperation(opId)).toMatchObject({ state: "running", cancelling: true });
    // A second time changes nothing.
    host.cancelOperation(opId);
    const ended = await over(opId);
    expect(ended).toMatchObject({ state: "cancelled", error: { code: "cancelled" } });
    expect(ended.steps.find(({ step }) => step === "tap")).toMatchObject({ phase: "undone" });
    expect(host.show("web").state).toBe("created");
    expect(host.cancelOperation(opId)).toMatchObject({ state: "cancelled" });
  });

  it.each([
    ["has ended", "has ended: it is ok"],
    ["ended before the daemon was restarted", "has ended: it is ok"],
  ])("what %s is refused", async (when, text) => {
    const opId = newOpId();
    await host.create("web", { opId });
    if (when.includes("restarted")) {
      host.endDaemon();
      await host.startDaemon();
    }
    expect(() => host.cancelOperation(opId)).toThrow(text);
  });

  it("reaches an operation whose caller watches it, too", async () => {
    host.helper.trouble.set("vmm.start", "hangs");
    await host.create("web");
    const opId = newOpId();
    const starting = host.start("web", { opId, params: { vm: "web" } }).catch((error: unknown) => error);
    await host.until("web", ({ state }) => state === "starting");
    host.cancelOperation(opId);
    expect(await starting).toMatchObject({ code: "cancelled" });
  });
});

describe("naming one", () => {
  it("is by its id, by the beginning of that, or as the last", async () => {
    const opId = newOpId();
    await host.create("one");
    await host.create("two", { opId });
    for (const reference of [opId, opId.slice(0, 12), opId.slice(3, 13), "last"]) {
      expect(host.status(reference)).toMatchObject({ op_id: opId, result: { name: "two" } });
    }
    host.endDaemon();
    await host.startDaemon();
    expect(host.status("last")).toMatchObject({ op_id: opId });
    expect(host.services.operationAccess.list(1)).toMatchObject([{ op_id: opId, method: "vm.create", state: "ok" }]);
  });

  it("as the last doesn't mean one of a time that is still to come, as the clock was set back since", async () => {
    const [before, after] = [newOpId(), newOpId()];
    await host.create("one", { opId: before });
    host.endDaemon();
    await host.startDaemon();
    host.database.prepare("UPDATE operations SET started_ns = started_ns + 3600000000000").run();
    await host.create("two", { opId: after });
    expect(host.status("last")).toMatchObject({ op_id: after });
    expect(host.services.operationAccess.list(2).map(({ op_id: opId }) => opId)).toEqual([after, before]);
    // On a full disk it has no row.
    host.database.prepare("DELETE FROM operations WHERE trace_id = ?").run(traceIdOf(after));
    expect(host.status("last")).toMatchObject({ op_id: after });
    expect(host.status(before)).toMatchObject({ result: { name: "one" } });
  });

  it("as the last means this daemon's last, however often the clock is set back a little", async () => {
    const [before, after] = [newOpId(), newOpId()];
    await host.create("one", { opId: before });
    await host.create("two", { opId: after });
    const later = host.database.prepare(
      "UPDATE operations SET started_ns = started_ns + 1000000000 WHERE trace_id = ?",
    );
    later.run(traceIdOf(before));
    expect(host.status("last")).toMatchObject({ op_id: after });
  });

  it.each([newOpId(), "last", "abcd"])("%s, which isn't there, is not found", (reference) => {
    expect(() => host.status(reference)).toThrow(/no operation/);
  });

  it("that two ids begin with is ambiguous, and one of another method is not the method's", async () => {
    await host.create("one", { opId: `op-abcd${"1".repeat(28)}` });
    await host.create("two", { opId: `op-abcd${"2".repeat(28)}` });
    expect(() => host.status("abcd")).toThrow(/more than one/);
    const access = host.services.operationAccess;
    const peer = { uid: 61_000, gid: 61_000, pid: 1 };
    expect(() => access.status({ op_id: "abcd1", method: "vm.start" }, peer)).toThrow(/is a vm.create, not a vm.start/);
  });
});

it("keeps the last that ended, and rows of those before", async () => {
  const first = newOpId();
  await host.create("first", { opId: first });
  for (let n = 0; n < 70; n++) await host.delete(`none-${n}`, false).catch(() => undefined);
  for (let n = 0; n < 70; n++) {
    await host.create("first").catch(() => undefined);
  }
  expect(host.services.operations.known().length).toBeLessThanOrEqual(64);
  expect(host.status(first)).toMatchObject({ state: "ok", result: { name: "first" } });
});

describe("what a daemon's end cut off", () => {
  /** Ends the daemon in the middle of a start; then `meanwhile`, and the next daemon. */
  const cutOff = async (meanwhile: (opId: OpId) => void | Promise<void>) => {
    const { op_id: opId } = await hanging();
    // What hangs ends never: its row stays as a daemon that was killed leaves it.
    host.endDaemon();
    await meanwhile(opId as OpId);
    await host.startDaemon();
    return host.status(opId);
  };

  it("says that it was interrupted, and that it was found undone", async () => {
    const status = await cutOff(() => host.helper.trouble.clear());
    expect(status).toMatchObject({
      state: "interrupted",
      method: "vm.start",
      found: "undone",
      error: { code: "disconnected", message: "vm.start: the daemon ended before it did" },
    });
    expect(await host.waitFor(status.op_id)).toMatchObject({ state: "interrupted" });
  });

  it("waits for the helper where only the host can tell", async () => {
    const status = await cutOff(() => {
      host.helper.away = true;
    });
    expect(status).not.toHaveProperty("found");
    host.helper.trouble.clear();
    host.helper.away = false;
    await host.helper.reachable();
    expect(host.status(status.op_id)).toMatchObject({ found: "undone" });
  });

  it.each([
    ["vm.create", "web", "finished"],
    ["vm.create", undefined, "undone"],
    ["vm.stop", "web", "finished"],
    ["vm.delete", undefined, "finished"],
    ["vm.delete", "web", "undone"],
    ["image.build", undefined, "undone"],
    ["vm.rename", "web", undefined],
  ])("%s of %s is found %s", async (method, vm, found) => {
    await host.create("web");
    const opId = newOpId();
    const { id } = host.show("web");
    host.database
      .prepare(
        `INSERT INTO operations (trace_id, name, started_ns, ended_ns, status, spans, kind, outcome, boot_id, asked, subject)
         VALUES (?, ?, ?, ?, 'ok', 0, 'mutation', 'running', 'boot-1', ?, ?)`,
      )
      .run(traceIdOf(opId), method, 2n ** 62n, 2n ** 62n, `${method} 00`, vm === undefined ? "0".repeat(16) : id);
    host.endDaemon();
    await host.startDaemon();
    expect(host.status(opId).found).toBe(found);
  });

  it.each([
    ["begun", "NEW.found = 'finished'", "undone", "web"],
    ["done", "NEW.outcome = 'ok'", "finished", "db"],
  ])("of a rename that was %s is found as its row says, and so is the name", async (_, stops, found, name) => {
    await host.create("web");
    const opId = newOpId();
    host.database
      .prepare(`CREATE TRIGGER ends BEFORE UPDATE ON operations WHEN ${stops} BEGIN SELECT RAISE(ABORT, 'x'); END`)
      .run();
    await host
      .ask(({ vms }, request) => vms.rename({ vm: "web", name: "db" }, request), { opId })
      .catch(() => undefined);
    // As a daemon leaves it that is killed there.
    host.database.prepare("UPDATE operations SET outcome = 'running' WHERE trace_id = ?").run(traceIdOf(opId));
    host.database.prepare("DROP TRIGGER ends").run();
    host.endDaemon();
    await host.startDaemon();
    expect(host.status(opId)).toMatchObject({ state: "interrupted", found });
    expect(host.show(name).name).toBe(name);
  });

  it("of a change of volumes isn't told where some may have been made, nor is anything of what ended by itself", async () => {
    await host.create("web");
    const [cut, whole] = [newOpId(), newOpId()];
    await host.set("web", { label: ["a=b"] }, { opId: whole });
    const reached = Promise.withResolvers<void>();
    host.atStep = ({ step, when }) => {
      if (step !== "attach_volumes" || when !== "after") return undefined;
      reached.resolve();
      return new Promise(() => undefined);
    };
    host.set("web", { volume: ["data:/srv:64M"] }, { opId: cut }).catch(() => undefined);
    await reached.promise;
    host.endDaemon();
    await host.startDaemon();
    expect(host.show("web").volumes).toHaveLength(1);
    expect(host.status(cut)).toMatchObject({ state: "interrupted" });
    for (const opId of [cut, whole]) expect(host.status(opId)).not.toHaveProperty("found");
  });
});
