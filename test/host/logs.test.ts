import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logFields } from "../../src/telemetry/log-fields.ts";
import { Installation, type LogRecord } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const opIdIn = (text: string) => /op-[0-9a-f]{32}/.exec(text)?.[0] ?? "";

describe.skipIf(noSandbox)(`the log of an operation${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.start({ guest: true });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const logs = async (...args: string[]) => {
    const { code, stdout, stderr } = await host.person(["logs", ...args, "--json"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as LogRecord);
  };
  const said = (records: readonly LogRecord[]) =>
    records.map(({ service, message, operation, method }) =>
      [`${String(service)}:`, message, operation ?? method].join(" "),
    );

  it("has the lines of CLI, daemon and helper, in the order of time, with declared fields alone", async () => {
    await host.ok("network", "up");
    const records = await logs("last");
    const opId = await host.lastOperation();
    const lines = records.filter(({ message, code }) => message !== "operation stage" && code === undefined);
    expect(said(lines)).toEqual([
      "banger: operation started banger network up",
      "bangerd: operation started network.up",
      ...["bridge.ensure", "nat.ensure", "resolver.set"].map((name) => `bangerd-root: helper rpc completed ${name}`),
      "bangerd: operation completed network.up",
      "banger: operation completed banger network up",
    ]);
    expect(new Set(records.map((record) => record["op_id"]))).toEqual(new Set([opId]));
    expect(records.find(({ message }) => message === "helper rpc completed")).toMatchObject({
      level: "info",
      duration_ms: expect.any(Number) as number,
      peer: { uid: 61_000, pid: expect.any(Number) as number },
      pid: host.helper?.pid,
    });
    const undeclared = (record: LogRecord) => Object.keys(record).filter((name) => !Object.hasOwn(logFields, name));
    const everything = [...records, ...(host.daemon?.log ?? []), ...(host.helper?.log ?? [])];
    expect(everything.flatMap(undeclared)).toEqual([]);
    expect(await logs(opId.slice(0, 12))).toEqual(records);
  });

  it("has exactly one line of the helper's for each call, the failed too, as the helper's own output has", async () => {
    const own = host.helper?.log.filter(({ message }) => message.startsWith("helper rpc")) ?? [];
    const spans = await host.spansOf(await host.lastOperation());
    const calls = spans.filter(({ service, kind }) => service === "bangerd-root" && kind === "server");
    for (const { name } of calls) expect(own.filter(({ method }) => method === name).length).toBeGreaterThan(0);
    const last = await logs("last");
    expect(last.filter(({ message }) => message.startsWith("helper rpc"))).toHaveLength(calls.length);
  });

  it("leads from the message on the screen to what failed", async () => {
    const { code, stderr } = await host.person(["start", "nobody"]);
    expect(code).not.toBe(0);
    const records = await logs(opIdIn(stderr));
    expect(said(records).slice(-2)).toEqual([
      "bangerd: operation failed vm.start",
      "banger: operation failed banger vm start",
    ]);
    expect(records.at(-1)).toMatchObject({ code: "not_found", service: "banger", level: "warn" });
    const shown = await host.person(["logs", opIdIn(stderr), "--spans"]);
    expect(shown.stdout).toMatch(/bangerd {7}WARN operation failed {2}.*code=not_found/);
    expect(shown.stdout).toMatch(/banger {8}▏call vm\.start {2}[\d.]+ ms {2}failed/);
  });

  it("is found by its VM, by name and id, also when the VM is gone", async () => {
    const { id } = await host.ok<{ id: string }>("vm", "create", "--name", "web");
    const created = await logs("vm", "web");
    expect(said(created)).toContain("banger: operation completed banger vm create");
    expect(said(created).join()).not.toContain("network.up");
    await host.ok("vm", "delete", "web");
    const all = await logs("vm", "web");
    expect(said(all)).toContain("banger: operation completed banger vm delete");
    expect(await logs("vm", id.slice(0, 8))).toEqual(all);
    expect((await host.person(["logs", "vm", "web"])).stdout).toContain("op_id=op-");
  });

  it.each([
    ["an op_id that nobody has", [`op-${"f".repeat(32)}`], "not_found"],
    ["a VM that nobody has", ["vm", "nobody"], "not_found"],
    ["a VM without a name", ["vm"], "usage"],
    ["one argument too many", ["last", "web"], "usage"],
  ])("refuses %s", async (_, args, code) => {
    const { code: exit, stderr } = await host.person(["logs", ...args]);
    expect(exit).not.toBe(0);
    expect(stderr).toContain(`[${code}]`);
  });

  it("is followed", async () => {
    await host.ok("vm", "create", "--name", "seen");
    const follower = host.spawnBanger(["logs", "vm", "seen", "-f"]);
    let seen = "";
    follower.stdout?.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    await expect.poll(() => seen, { timeout: 10_000 }).toContain("banger vm create");
    await host.ok("vm", "delete", "seen");
    await expect.poll(() => seen, { timeout: 10_000 }).toMatch(/operation completed {2}.*banger vm delete/);
    await host.sandbox.root("pkill -INT -f 'logs vm seen'");
    expect(await new Promise((resolve) => follower.once("close", resolve))).toBe(130);
  });

  it("is the owner's alone", async () => {
    const refused = await host.banger(["logs", "last"], { as: 61_234 });
    expect(refused.error()).toMatchObject({ code: "not_owner", hint: expect.stringContaining("journalctl") as string });
  });

  it("is there without a daemon too", async () => {
    await host.ok("network", "down");
    const before = await logs("last");
    expect(said(before)).toContain("bangerd: operation completed network.down");
    await host.daemon?.end();
    expect(await logs("last")).toEqual(before);
    const { stdout, stderr } = await host.person(["logs", "last", "--spans"]);
    expect(stdout).toContain("helper rpc completed");
    expect(stderr).toContain("its spans can't be shown");
    const { stderr: failure } = await host.person(["start", "web"]);
    for (const of of ["last", opIdIn(failure)]) {
      expect(await logs(of)).toMatchObject([
        { service: "banger", message: "operation failed", operation: "banger vm start", code: "daemon_unavailable" },
      ]);
    }
    await host.startDaemon();
    expect(said(await logs(opIdIn(failure)))).toEqual([
      "bangerd: an operation that the CLI could not hand over banger vm start",
    ]);
  });
});
