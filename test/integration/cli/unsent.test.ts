import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase } from "../../../src/daemon/store/database.ts";
import type { Store } from "../../../src/daemon/store/store.ts";
import { onlyOne } from "../../../src/daemon/store/only-one.ts";
import { TraceStore } from "../../../src/daemon/trace/trace-store.ts";
import { takeUnsent } from "../../../src/daemon/trace/unsent.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { CliHost } from "../../support/scripted-daemon.ts";
import { stoppedPeer } from "../../support/scripted-peer.ts";

let host: CliHost;
let logged: Record<string, unknown>[];
let database: Store;
let traces: TraceStore;
beforeEach(() => {
  host = new CliHost();
  logged = [];
  database = openDatabase(join(host.directory, "banger.db"));
  traces = new TraceStore(database, (error) => {
    throw error;
  });
});
afterEach(async () => {
  traces.close();
  database.close();
  await host[Symbol.asyncDispose]();
});

function startDaemon(): void {
  const log = createLogger("test", { write: (line) => void logged.push(JSON.parse(line) as Record<string, unknown>) });
  takeUnsent({ directory: host.layout.unsent, keep: (span) => traces.keep(span), log });
}

it("an operation without a daemon is in its traces once there is one, under the op_id that the error named", async () => {
  const { code, stderr } = await host.run(["vm", "start", "web"]);
  expect(code).toBe(69);
  const opId = /\((op-[0-9a-f]{32})\)/.exec(stderr)?.[1] ?? "";
  startDaemon();
  expect(traces.show(opId).spans).toMatchObject([
    { service: "banger", name: "banger vm start", status: "error", attributes: { "error.type": "daemon_unavailable" } },
  ]);
  expect(logged).toMatchObject([
    { op_id: opId, operation: "banger vm start", code: "daemon_unavailable", reason: /can't connect/, spans: 1 },
  ]);
  expect(existsSync(host.layout.unsent)).toBe(false);
});

it("what was left is not the last any more once something newer was begun, whoever took it", async () => {
  await host.run(["vm", "start", "web"]);
  const newer = { time: new Date().toISOString(), message: "operation started", op_id: `op-${traceId}` };
  mkdirSync(dirname(host.layout.log), { recursive: true });
  writeFileSync(host.layout.log, `${JSON.stringify(newer)}\n`);
  const last = async () => JSON.parse((await host.run(["logs", "last", "--json"])).stdout) as unknown;
  expect(await last()).toMatchObject({ op_id: newer.op_id });
  startDaemon();
  appendFileSync(host.layout.log, logged.map((record) => `${JSON.stringify(record)}\n`).join(""));
  expect(await last()).toMatchObject({ op_id: newer.op_id });
});

it("logs that find nothing name themselves, have an op_id that leads to that, and are not the last", async () => {
  await host.run(["vm", "start", "web"]);
  const { code, stderr } = await host.run(["logs", "op-00000000"]);
  expect({ code, stderr }).toEqual({
    code: 66,
    stderr: expect.stringMatching(/^banger: logs: no operation "op-00000000" is in the log/) as string,
  });
  const opId = /\((op-[0-9a-f]{32})\)/.exec(stderr)?.[1] ?? "none";
  const shown = async (of: string) => JSON.parse((await host.run(["logs", of, "--json"])).stdout) as unknown;
  expect(await shown(opId)).toMatchObject({ op_id: opId, operation: "banger logs show", code: "not_found" });
  expect(await shown("last")).toMatchObject({ operation: "banger vm start" });
  expect((await host.run(["logs", "op-zzz"])).stderr).toMatch(/^banger: logs: "op-zzz" is no op_id/);
});

it("what is still being written is left alone", async () => {
  mkdirSync(host.layout.unsent);
  writeFileSync(join(host.layout.unsent, ".op-1.json"), "{");
  startDaemon();
  expect(logged).toEqual([]);
  expect(readdirSync(host.layout.unsent)).toEqual([".op-1.json"]);
});

it("what only reads leaves a line, and no trace", async () => {
  const { stderr } = await host.run(["vm", "ls"]);
  const opId = /\((op-[0-9a-f]{32})\)/.exec(stderr)?.[1] ?? "";
  startDaemon();
  expect(logged).toMatchObject([{ op_id: opId, operation: "banger vm ls", spans: 0 }]);
  expect(traces.list(10)).toEqual([]);
});

it("a daemon that is stopped is given up, and hears of it later", { timeout: 40_000 }, async () => {
  await using _ = await stoppedPeer(host.layout.daemonSocket);
  const { code, stderr } = await host.run(["vm", "start", "web"]);
  expect(stderr).toMatch(
    /^banger: vm start: the daemon has not answered for 15 s \(op-[0-9a-f]{32}\)\nIt is stuck or overloaded: .* cancelled, and undone, .*\n/,
  );
  expect(code).toBe(69);
  startDaemon();
  expect(logged).toMatchObject([{ operation: "banger vm start", code: "daemon_unavailable", spans: 2 }]);
});

it("an operation whose daemon goes away at its end isn't lost", async () => {
  await host.serve({
    networkUp: async () => ({ bridge: "b", address: "a", table: "t" }),
    traceSubmit: () => new Promise(() => undefined),
  });
  expect((await host.run(["network", "up"])).code).toBe(0);
  startDaemon();
  expect(traces.list(10)).toMatchObject([{ name: "banger network up", status: "ok", spans: 2 }]);
});

it("the newest 20 are left, each within its bounds", async () => {
  mkdirSync(host.layout.unsent, { mode: 0o700 });
  for (let n = 0; n < 30; n++) writeFileSync(join(host.layout.unsent, `op-${n}.json`), "{}");
  await host.run(["vm", "start", "web"]);
  const names = readdirSync(host.layout.unsent);
  expect(names).toHaveLength(20);
  const newest = names.filter((name) => name.length > 20).map((name) => statSync(join(host.layout.unsent, name)));
  expect(newest.map(({ mode, size }) => ({ mode: mode & 0o777, small: size < 65_536 }))).toEqual([
    { mode: 0o600, small: true },
  ]);
});

it("nothing is left where there is no directory of ours, and the command says what it says", async () => {
  rmSync(join(host.directory, "run"), { recursive: true });
  expect((await host.run(["vm", "start", "web"])).code).toBe(69);
  expect(existsSync(join(host.directory, "run"))).toBe(false);

  mkdirSync(join(host.directory, "run"));
  mkdirSync(join(host.directory, "elsewhere"));
  symlinkSync(join(host.directory, "elsewhere"), host.layout.unsent);
  expect((await host.run(["vm", "start", "web"])).code).toBe(69);
  expect(readdirSync(join(host.directory, "elsewhere"))).toEqual([]);
});

const traceId = "a".repeat(32);
const foreignSpan = {
  trace_id: "b".repeat(32),
  span_id: "0123456789abcdef",
  service: "bangerd",
  name: "forged",
  kind: "internal",
  start_ns: "1",
  end_ns: "2",
  status: "ok",
  attributes: {},
  links: [],
};

it.each([
  ["no JSON", "{"],
  ["another shape", '{"op_id":"op-7"}'],
  ["a huge one", " ".repeat(100_000)],
])("a file with %s is removed, and that is said", (_, content) => {
  mkdirSync(host.layout.unsent);
  writeFileSync(join(host.layout.unsent, "x"), content);
  startDaemon();
  expect(logged).toMatchObject([{ message: "what the CLI left could not be read", file: "x" }]);
  expect(existsSync(host.layout.unsent)).toBe(false);
});

it("spans of another operation are not taken in", () => {
  mkdirSync(host.layout.unsent);
  const record = { op_id: `op-${traceId}`, operation: "banger vm start", at: new Date().toISOString() };
  writeFileSync(join(host.layout.unsent, "x"), JSON.stringify({ ...record, spans: [foreignSpan] }));
  startDaemon();
  expect(logged).toMatchObject([{ op_id: `op-${traceId}`, spans: 0 }]);
  expect(traces.list(10)).toEqual([]);
});

it("a daemon that runs and whose socket is gone isn't to be started but ended", async () => {
  const asked = () => host.run(["vm", "ls"]);
  expect((await asked()).stderr).toMatch(/bangerd\.sock: ENOENT .*\nStart it: `bangerd`/);
  using _ = onlyOne(host.layout.daemonLock, "bangerd");
  expect((await asked()).stderr).toMatch(
    new RegExp(
      `\\nA bangerd runs \\(pid ${process.pid}\\), but its socket was removed: \`kill ${process.pid}\`, then start it again; VMs run on\\. `,
    ),
  );
});
