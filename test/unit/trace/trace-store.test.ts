import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDatabase } from "../../../src/daemon/store/database.ts";
import type { Store } from "../../../src/daemon/store/store.ts";
import { TraceStore } from "../../../src/daemon/trace/trace-store.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";

let directory: string;
let store: Store;
let traces: TraceStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-traces-"));
  store = openDatabase(join(directory, "banger.db"));
  traces = new TraceStore(store, (error) => expect.unreachable(String(error)));
});
afterEach(() => {
  traces.close();
  store.close();
  rmSync(directory, { recursive: true });
});

const id = (n: number) => n.toString(16).padStart(32, "0");
const span = (n: number, given: Partial<SpanRecord> = {}): SpanRecord => ({
  trace_id: id(n),
  span_id: "0000000000000001",
  service: "bangerd",
  name: "vm.start",
  kind: "server",
  start_ns: String(1_000_000 * n),
  end_ns: String(1_000_000 * n + 500),
  status: "ok",
  attributes: {},
  links: [],
  ...given,
});

it("a failed start is remembered after a thousand questions", () => {
  traces.keep(span(1, { status: "error" }));
  for (let n = 2; n < 1_002; n++) traces.keep(span(n, { name: "vm.exec" }));
  expect(traces.list(1_000).at(-1)).toMatchObject({ op_id: `op-${id(1)}`, status: "error" });
  expect(traces.list(1_000)).toHaveLength(101);
});

it("spans leave who asked and what came of it as they are, and `show` says both", () => {
  store
    .prepare(
      `INSERT INTO operations (trace_id, name, started_ns, ended_ns, status, spans, kind, caller_uid, caller_pid, outcome)
       VALUES (?, 'vm.start', 2, 2, 'ok', 0, 'mutation', 1000, 4711, 'running')`,
    )
    .run(id(7));
  traces.keep(span(7, { name: "step vmm", parent_span_id: "0000000000000002" }));
  traces.flush();
  store.prepare("UPDATE operations SET outcome = 'failed', error = 'no kernel' WHERE trace_id = ?").run(id(7));
  traces.keep(span(7, { span_id: "0000000000000002", start_ns: "1", status: "error" }));
  expect(traces.show("last")).toMatchObject({
    caller_uid: 1000,
    caller_pid: 4711,
    outcome: "failed",
    error: "no kernel",
    spans: [{ name: "step vmm" }, { name: "vm.start" }],
  });
  expect(traces.list(1)).toMatchObject([{ name: "vm.start", status: "error", spans: 2 }]);
});

it("an operation has its asker's spans too; one that only its asker saw, as no daemon was there, is kept", () => {
  traces.keep(span(1));
  traces.keep(span(1, { service: "banger", span_id: "0000000000000002", name: "banger vm start" }));
  traces.keep(span(2, { service: "banger", name: "banger vm start" }));
  expect(traces.list(10).map(({ op_id, spans }) => [op_id, spans])).toEqual([
    [`op-${id(2)}`, 1],
    [`op-${id(1)}`, 2],
  ]);
});

it("what began while the clock was years ahead is older than what begins once it was set back", () => {
  const hour = 3_600_000_000_000n;
  const now = BigInt(Date.now()) * 1_000_000n;
  const at = (ns: bigint) => ({ start_ns: String(ns), end_ns: String(ns + 1n) });
  for (let n = 1; n <= 100; n++) traces.keep(span(n, { name: "vm.exec", ...at(now + 50_000n * hour + BigInt(n)) }));
  traces.keep(span(999, { name: "vm.exec", ...at(now) }));
  expect(traces.show("last").op_id).toBe(`op-${id(999)}`);
  const kept = traces.list(1_000).map(({ op_id }) => op_id);
  expect([kept.length, kept[0], kept[1], kept.at(-1)]).toEqual([100, `op-${id(999)}`, `op-${id(100)}`, `op-${id(2)}`]);
});
