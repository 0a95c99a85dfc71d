import { describe, expect, it, vi } from "vitest";
import { Journal } from "../../../src/telemetry/journal.ts";
import { journalEntry } from "../../../src/telemetry/journal-entry.ts";
import type { JournalSocket, Sent } from "../../../src/telemetry/journal-socket.ts";
import { type LogField, logFields } from "../../../src/telemetry/log-fields.ts";

const opId = `op-${"a1".repeat(16)}`;
const record = { level: "warn", time: "2026-11-29T00:00:00.000Z", service: "bangerd", pid: 7, message: "it happened" };
const lineOf = (fields: object) => `${JSON.stringify({ ...record, ...fields })}\n`;

/** An entry read as the protocol has it: what a field's value can't do is to end it. */
function fieldsOf(entry: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < entry.length; ) {
    const end = entry.indexOf("\n", at);
    const line = entry.toString("utf8", at, end);
    at = end + 1;
    if (line.includes("=")) {
      fields[line.slice(0, line.indexOf("="))] = line.slice(line.indexOf("=") + 1);
    } else {
      const length = Number(entry.readBigUInt64LE(at));
      fields[line] = entry.toString("utf8", at + 8, at + 8 + length);
      expect(entry[at + 8 + length]).toBe(0x0a);
      at += 8 + length + 1;
    }
  }
  return fields;
}

describe("an entry of the journal", () => {
  it.each([
    ["ids", { op_id: opId, trace_id: "t", span_id: "s" }, { BANGER_OP_ID: opId, TRACE_ID: "t", SPAN_ID: "s" }],
    ["a VM", { "banger.vm.id": "0123456789abcdef" }, { BANGER_VM_ID: "0123456789abcdef" }],
    ["debug", { level: "debug" }, { PRIORITY: "7" }],
    ["info", { level: "info" }, { PRIORITY: "6" }],
    ["an error", { level: "error" }, { PRIORITY: "3" }],
    ["a value that tries to be another field", { op_id: "x\n_UID=0" }, { BANGER_OP_ID: "x\n_UID=0" }],
    ["a value of several bytes a character", { op_id: "é\nß" }, { BANGER_OP_ID: "é\nß" }],
    ["a message with line ends", { message: "a\nb" }, {}],
    ["no value", { op_id: null, span_id: { a: 1 } }, {}],
  ])("has %s beside the whole record", (_, fields, expected) => {
    const line = lineOf(fields);
    expect(fieldsOf(journalEntry(line))).toEqual({
      MESSAGE: line.trimEnd(),
      PRIORITY: "4",
      SYSLOG_IDENTIFIER: "bangerd",
      ...expected,
    });
  });

  it("has no native field that isn't declared", () => {
    const fields = Object.fromEntries(Object.keys(logFields).map((name) => [name, "x"]));
    const native = Object.values<LogField>(logFields).flatMap(({ journal }) => journal ?? []);
    expect(Object.keys(fieldsOf(journalEntry(lineOf({ ...fields, level: "info" })))).toSorted()).toEqual(
      ["MESSAGE", ...native].toSorted(),
    );
  });
});

describe("a journal", () => {
  function journal() {
    vi.useFakeTimers();
    const state: { answer: Sent; taken: Record<string, string>[] } = { answer: "sent", taken: [] };
    const socket: JournalSocket = {
      send: (entry) => {
        if (state.answer === "sent") state.taken.push(fieldsOf(entry));
        return state.answer;
      },
    };
    const messages = () => state.taken.map(({ MESSAGE = "" }) => JSON.parse(MESSAGE) as Record<string, unknown>);
    return { state, messages, written: new Journal(socket), [Symbol.dispose]: () => vi.useRealTimers() };
  }

  it("that stands still for a while loses nothing, and keeps the order", () => {
    using made = journal();
    made.state.answer = "later";
    for (let pid = 0; pid < 100; pid++) made.written.write(lineOf({ pid }));
    expect(made.state.taken).toEqual([]);
    made.state.answer = "sent";
    vi.advanceTimersByTime(100);
    expect(made.messages().map(({ pid }) => pid)).toEqual(Array.from({ length: 100 }, (_, pid) => pid));
  });

  it("that stands still for long costs bounded memory; what is lost is counted where it is missing", () => {
    using made = journal();
    made.state.answer = "later";
    for (let pid = 0; pid < 3_000; pid++) made.written.write(lineOf({ pid, reason: "x".repeat(1_000) }));
    made.state.answer = "sent";
    vi.advanceTimersByTime(100);
    made.written.write(lineOf({ pid: 3_000 }));
    const seen = made.messages();
    const gap = seen.findIndex(({ dropped }) => dropped !== undefined);
    expect(gap).toBeGreaterThan(100);
    expect(gap + Number(seen[gap]?.["dropped"])).toBe(3_000);
    expect(made.written.dropped).toBe(seen[gap]?.["dropped"]);
    expect(seen.slice(gap + 1).map(({ pid }) => pid)).toEqual([3_000]);
  });

  it("that can't take one entry at all takes the others, and says so", () => {
    using made = journal();
    made.state.answer = "never";
    made.written.write(lineOf({ pid: 1 }));
    made.state.answer = "sent";
    made.written.write(lineOf({ pid: 2 }));
    expect(made.messages().map(({ pid, dropped }) => dropped ?? pid)).toEqual([1, 2]);
  });
});
