import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperationStatus } from "../../src/rpc/contract/operation.ts";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { setFault, startFaultyDaemon } from "../support/faults.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";
import { endOf } from "../support/scripted-daemon.ts";
import { expectInvariants } from "../support/trace-tree.ts";

describe.skipIf(noSandbox)(`operations that outlive their caller${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.create({ guest: true });
    await host.startHelper();
    await startFaultyDaemon(host, { BANGER_LOG_LEVEL: "debug" });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  /** The op_id of an operation that was begun and stands still behind a step, in the log from `after` on. */
  const heldAt = async (argv: string[], operation: string, step: string) => {
    const after = host.daemon?.log.length ?? 0;
    await setFault(host, `${operation} ${step} hold`);
    const { op_id: opId } = await host.ok<OperationStatus>(...argv, "--detach");
    await host.daemon?.logged((record) => record.message === "held", after);
    return opId;
  };
  const show = (opId: string) => host.ok<OperationStatus>("operation", "show", opId);
  const goOn = () => setFault(host, "none");

  it("print their op_id; whoever comes back sees the rest, and what the command would have shown", async () => {
    const opId = await heldAt(["vm", "create", "--name", "web"], "vm.create", "directory");
    expect(await show(opId)).toMatchObject({ method: "vm.create", state: "running", caller_uid: 61_000 });
    const waiting = [1, 2].map(() => host.person(["operation", "wait", opId]));
    // Nobody reads what this one says.
    const silent = once(host.spawnBanger(["operation", "wait", opId]), "exit");
    await goOn();
    for (const { stdout, stderr, code } of await Promise.all(waiting)) {
      expect({ stdout, code }).toEqual({ stdout: "web\n", code: 0 });
      expect(stderr.match(/✓ \w+/g)).toEqual(
        ["record", "directory", "root_disk", "host_key", "created"].map((step) => `✓ ${step}`),
      );
    }
    expect((await silent)[0]).toBe(0);
    const late = await host.person(["operation", "wait", opId.slice(0, 14)]);
    expect(late).toMatchObject({ stdout: "web\n", code: 0 });
    expect((await host.person(["operation", "ls"])).stdout).toMatch(
      new RegExp(`^${opId} +vm\\.create +web +ok +uid 61000, pid \\d+ `, "m"),
    );
  });

  it("have one op_id in the client's polls, in daemon's and helper's lines, and in the trace", async () => {
    const from = { daemon: host.daemon?.log.length ?? 0, helper: host.helper?.log.length ?? 0 };
    const started = await host.person(["vm", "start", "--detach", "web"]);
    const opId = started.stdout.trim();
    expect(started).toMatchObject({ stdout: expect.stringMatching(/^op-[0-9a-f]{32}\n$/) as string, code: 0 });
    const waited = await host.person(["operation", "wait", opId]);
    expect(waited.code).toBe(0);
    expect(waited.stderr).toMatch(/✓ ready /);
    expect(waited.stderr).toContain(`web runs at 10.77.0.2; \`banger trace show ${opId}\` shows how it came to`);
    await show(opId);
    const lines = host.daemon?.log.slice(from.daemon).filter((record) => record["op_id"] === opId) ?? [];
    const said = (operation: string) =>
      lines.filter((record) => record["operation"] === operation && record.message === "operation completed");
    // Each poll is one line under this id; what is traced has its two ends.
    expect(said("operation.wait")).toHaveLength(1);
    expect(said("operation.status").length).toBeGreaterThanOrEqual(2);
    expect(said("vm.start.begin")).toHaveLength(1);
    expect(said("vm.start")).toHaveLength(1);
    expect(lines.filter(({ message }) => message === "operation stage").length).toBeGreaterThan(10);
    const helped = host.helper?.log.slice(from.helper).filter((record) => record["op_id"] === opId) ?? [];
    expect(helped.map((record) => record["method"] ?? record["operation"])).toContain("vmm.start");
    const spans = await host.spansOf(opId);
    expectInvariants(spans, opId);
    const names = spans.map(({ service, name }) => `${service} ${name}`);
    for (const name of [
      "banger banger vm start",
      "banger call vm.start.begin",
      "bangerd vm.start.begin",
      "bangerd vm.start",
      "bangerd step ready",
      "bangerd-root vmm.start",
      "guest boot.ready",
    ]) {
      expect(names).toContain(name);
    }
    expect(names.filter((name) => name.includes("operation."))).toEqual([]);
    expect((await host.ok<{ operations: { op_id: string }[] }>("trace", "ls", "-n", "1")).operations[0]?.op_id).toBe(
      opId,
    );
  });

  it("go on when a person leaves with Ctrl-C, which is said", async () => {
    const opId = await heldAt(["vm", "create", "--name", "left"], "vm.create", "directory");
    const waiting = host.spawnBanger(["operation", "wait", opId]);
    const ended = endOf(waiting);
    await interruptWhenWaiting(host, waiting);
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain("left, and the operation goes on");
    expect(stderr).not.toContain("cancelling");
    await goOn();
    expect((await host.person(["operation", "wait", opId])).stdout).toBe("left\n");
  });

  it("are cancelled by Ctrl-C where that was asked for, and by `operation cancel`", async () => {
    for (const how of ["interrupt", "cancel"]) {
      const opId = await heldAt(["vm", "create", "--name", "gone"], "vm.create", "root_disk");
      const waiting = host.spawnBanger(["operation", "wait", opId, "--cancel-on-interrupt"]);
      const ended = endOf(waiting);
      const cancelling = how === "cancel" ? host.person(["operation", "cancel", opId]) : undefined;
      if (how === "interrupt") await interruptWhenWaiting(host, waiting);
      await host.daemon?.logged((record) => record.message === "operation is cancelled" && record["op_id"] === opId);
      await goOn();
      const { code, stderr } = await ended;
      expect({ how, code }).toEqual({ how, code: 130 });
      expect(stderr).toContain("↩ root_disk");
      const other = await cancelling;
      if (other !== undefined) expect(other).toMatchObject({ code: 0 });
      expect(await show(opId)).toMatchObject({ state: "cancelled" });
      const again = await host.banger(["operation", "cancel", opId]);
      expect(again.code).toBe(0);
    }
    expect((await host.ok<{ vms: Vm[] }>("vm", "ls")).vms.map(({ name }) => name).toSorted()).toEqual(["left", "web"]);
    const refused = await host.banger(["operation", "cancel", "op-00000000000000000000000000000001"]);
    expect(refused.error()).toMatchObject({ code: "not_found" });
  });

  it("that the daemon's end cut off are found undone or finished by the next one, and say so", async () => {
    for (const [step, found, names] of [
      ["root_disk", "undone", ["left", "web"]],
      ["created", "finished", ["cut", "left", "web"]],
    ] as const) {
      const opId = await heldAt(["vm", "create", "--name", "cut"], "vm.create", step);
      await host.daemon?.end("KILL");
      await startFaultyDaemon(host, { BANGER_LOG_LEVEL: "debug" });
      await host.daemon?.logged(
        (record) => record.message === "an interrupted operation was found" && record["op_id"] === opId,
      );
      expect(await show(opId)).toMatchObject({ state: "interrupted", found, method: "vm.create" });
      const waited = await host.person(["operation", "wait", opId]);
      expect(waited.code).toBe(69);
      expect(waited.stderr).toContain(`the daemon ended before it did; the next start found it ${found}`);
      expect((await host.person(["operation", "show", opId])).stdout).toMatch(
        new RegExp(`^found +the next start found it ${found}$`, "m"),
      );
      const { vms } = await host.ok<{ vms: Vm[] }>("vm", "ls");
      expect(vms.map(({ name }) => name).toSorted()).toEqual(names);
    }
  });
});

/** Ctrl-C to a `banger` that waits for the daemon's answer. */
async function interruptWhenWaiting(
  host: Installation,
  waiting: ReturnType<Installation["spawnBanger"]>,
): Promise<void> {
  // It shows what has happened before it waits.
  await new Promise((resolve) => {
    waiting.stderr?.once("data", resolve);
  });
  await host.sandbox.root("pkill -INT -f 'banger.cjs operation wait'");
}
