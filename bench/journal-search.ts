import { setTimeout as delay } from "node:timers/promises";
import { journalEntry } from "../src/telemetry/journal-entry.ts";
import { openJournalSocket } from "../src/telemetry/journal-socket.ts";
import { journalSocketPath } from "../src/telemetry/journal.ts";
import { newOpId, type OpId, traceIdOf } from "../src/telemetry/op-id.ts";
import type { Comparison, LeftOut } from "./comparison.ts";
import { run, timeProgram } from "./programs.ts";

const operations = 1_000;
const recordsOfEach = 100;

/** The records of one operation among a hundred thousand, by the native field of the journal, against its last record. */
export async function journalSearch(): Promise<Comparison | LeftOut> {
  if (process.env["BENCH_UNDER"] !== "systemd") return { leftOut: "it needs a journal: scripts/bench --systemd" };
  const opId = await filled();
  const search = [`BANGER_OP_ID=${opId}`, "--output=cat", "--no-pager", "--quiet"];
  const lines = async () => (await run("journalctl", search)).split("\n").length - 1;
  // The journal takes what was sent in its own time.
  for (const deadline = performance.now() + 60_000; (await lines()) < recordsOfEach; await delay(100))
    if (performance.now() > deadline) throw new Error("the journal lost some of what was sent");
  return {
    name: `${recordsOfEach} of ${operations * recordsOfEach} records`,
    ours: "journalctl BANGER_OP_ID=",
    rival: "journalctl -n 1",
    aim: { ratio: 2 },
    runs: 20,
    measureOurs: () => timeProgram("journalctl", search),
    measureRival: () => timeProgram("journalctl", ["-n", "1", "--output=cat", "--no-pager", "--quiet"]),
  };
}

/** Fills the journal with records as the daemon writes them, of several operations at a time; the last operation of all. */
async function filled(): Promise<OpId> {
  const journal = openJournalSocket(journalSocketPath);
  const opIds = Array.from({ length: operations }, newOpId);
  const together = 10;
  for (let first = 0; first < operations; first += together)
    for (let record = 0; record < recordsOfEach * together; record++) {
      const entry = entryOf(opIds[first + (record % together)] ?? newOpId(), record);
      while (journal.send(entry) === "later") await delay(1);
    }
  return opIds.at(-1) ?? newOpId();
}

function entryOf(opId: OpId, record: number): Buffer {
  const time = new Date().toISOString();
  const ids = { op_id: opId, trace_id: traceIdOf(opId), span_id: traceIdOf(newOpId()).slice(16), trace_flags: "01" };
  const about = { "banger.vm.id": traceIdOf(opId).slice(0, 16), "banger.vm.name": "web", step: `step-${record % 12}` };
  const said = { message: "operation stage", phase: "completed", elapsed_ms: record };
  return journalEntry(JSON.stringify({ level: "info", time, service: "bangerd", pid: 1, ...ids, ...about, ...said }));
}
