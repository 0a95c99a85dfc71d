import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { noSandbox } from "../../support/sandbox.ts";
import { CliHost } from "../../support/scripted-daemon.ts";

const op = (digit: string) => `op-${digit.repeat(32)}`;
const at = "2026-11-29T00:00:00.000Z";
const started = { level: "info", time: at, service: "banger", op_id: op("1"), message: "operation started" };
const gap = {
  level: "warn",
  time: at,
  pid: 1,
  dropped: 12,
  message: "records were dropped: they could not be written",
};
const pinged = {
  version: "1.0.0",
  pid: 42,
  helper: "available" as const,
  accelerator: null,
  requests: { traced: 0, polls: 0 },
};
const newest = {
  op_id: op("2"),
  name: "banger vm delete",
  started_at: at,
  duration_ms: 1,
  status: "ok" as const,
  spans: 1,
};

let host: CliHost;
beforeEach(() => {
  host = new CliHost();
});
afterEach(() => host[Symbol.asyncDispose]());

function logHas(...records: readonly object[]): void {
  mkdirSync(dirname(host.layout.log), { recursive: true });
  writeFileSync(host.layout.log, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
}

const serve = (untold: number, operations = [newest]) =>
  host.serve({
    ping: async () => ({
      ...pinged,
      logs: { dropped: { kept: untold, output: 0, helper: 0, collector: 0 }, untold },
    }),
    traceList: async () => ({ operations }),
  });

it("logs last says that it is an older operation, and which is the newest, while the log can't be written", async () => {
  logHas(started);
  await serve(5);
  const { code, stdout, stderr } = await host.run(["logs", "last", "--json"]);
  expect({ code, shown: JSON.parse(stdout) as unknown }).toMatchObject({ code: 0, shown: started });
  expect(stderr).toMatch(/the newest records \(5\) could not be kept.*older operation.*banger trace show op-2{32}/);
});

it.each([
  ["the operation itself", ["logs", "last"], [{ ...newest, op_id: op("1") }]],
  ["what was asked for by its id", ["logs", op("1")], [newest]],
])("logs say that records are missing, of %s", async (_, argv, operations) => {
  logHas(started);
  await serve(5, operations);
  const { stderr } = await host.run(argv);
  expect(stderr).toMatch(/the newest records \(5\) could not be kept/);
  expect(stderr).not.toMatch(/older operation/);
});

it.each([
  ["op-2222", "not_found"],
  ["last", "not_found"],
])("what isn't in the log as it can't be written is told so: %s", async (of, code) => {
  await serve(5);
  const { stderr } = await host.run(["logs", of]);
  expect(stderr).toMatch(/could not be kept/);
  expect(stderr).toContain(`[${code}]`);
});

it.each([
  ["behind the last operation", [started, gap], /12 records that are newer could not be kept/],
  ["before it", [gap, started], /^$/],
  ["of the helper's, in it", [started, { ...gap, op_id: op("1") }], /^$/],
])("logs last with a gap %s says so where it matters", async (_, records, says) => {
  logHas(...records);
  await serve(0);
  expect((await host.run(["logs", "last", "--json"])).stderr).toMatch(says);
});

it("logs last says nothing where nothing is missing, with and without a daemon", async () => {
  logHas(started);
  expect((await host.run(["logs", "last"])).stderr).toBe("");
  await serve(0);
  expect((await host.run(["logs", "last"])).stderr).toBe("");
});

it.skipIf(noSandbox)(
  `without a daemon, logs last says that the disk is full${noSandbox ? ` (${noSandbox})` : ""}`,
  () => {
    const inside = `
    mkdir -p "$1"; mount -t tmpfs -o size=8M full "$1"; cat > "$1/banger.log"
    exec node src/cli/main.ts logs last 2>&1 >/dev/null`;
    const said = execFileSync("unshare", ["--mount", "sh", "-c", inside, "sh", dirname(host.layout.log)], {
      encoding: "utf8",
      env: { ...process.env, ...host.env },
      input: `${JSON.stringify(started)}\n`,
    });
    expect(said).toMatch(/the newest records may be missing: .* is full; this may be an older operation/);
  },
);
