import { describe, expect, it } from "vitest";
import { recordOf } from "../../../src/cli/logs/log-record.ts";
import type { LogRecord } from "../../../src/cli/logs/log-record.ts";
import { showRecord } from "../../../src/cli/logs/show-record.ts";
import { choose } from "../../../src/cli/logs/which-records.ts";

const op = (digit: string) => `op-${digit.repeat(32)}`;
const old = { "banger.vm.id": "aaaaaaaaaaaaaaaa", "banger.vm.name": "web" };
const web = { "banger.vm.id": "bbbbbbbbbbbbbbbb", "banger.vm.name": "web" };
const record = (message: string, fields: object): LogRecord => ({ time: "t", level: "info", message, ...fields });
const records = [
  record("operation stage", { op_id: op("1"), ...old }),
  record("operation started", { op_id: op("2") }),
  record("operation stage", { op_id: op("2"), ...web }),
  record("a word of the CLI's", { op_id: op("2"), service: "banger" }),
  record("operation started", { op_id: op("3") }),
  record("of two VMs", { op_id: op("3"), "banger.vm.id": old["banger.vm.id"] }),
  record("of two VMs", { op_id: op("3"), "banger.vm.id": web["banger.vm.id"] }),
  record("the daemon's own work", { op_id: op("4") }),
  record("daemon ready", {}),
];

describe("the records that are meant", () => {
  it.each([
    ["an op_id", { of: op("2") }, [1, 2, 3]],
    ["digits of one", { of: "1111" }, [0]],
    ["the last that was asked for", { of: "last" }, [4, 5, 6]],
    [
      "the newest VM of a name, and all of its operations but what is of other VMs",
      { of: "vm", vm: "web" },
      [1, 2, 3, 4, 6],
    ],
    ["a VM's id", { of: "vm", vm: "aaaa" }, [0, 4, 5]],
  ])("by %s", (_, asked, expected) => {
    const chosen = choose(asked, records);
    expect(records.flatMap((one, index) => (chosen.has(one) ? [index] : []))).toEqual(expected);
  });

  it.each([
    ["nothing", { of: "9999" }, "not_found"],
    ["no op_id, which is too short", { of: "op-1" }, "bad_params"],
    ["no op_id, by its digits", { of: "op-zzzz" }, "bad_params"],
    ["no op_id, but a word", { of: "web" }, "bad_params"],
    ["no op_id, as it is too long", { of: `${op("1")}1` }, "bad_params"],
    ["no VM", { of: "vm", vm: "db" }, "not_found"],
  ])("are %s", (_, asked, code) => {
    expect(() => choose(asked, records)).toThrow(expect.objectContaining({ code }));
  });

  const at = (second: number) => `2026-11-29T00:00:${String(second).padStart(2, "0")}.000Z`;
  const started = (digit: string, second: number) =>
    record("operation started", { op_id: op(digit), time: at(second), service: "banger" });
  const failed = (digit: string, second: number, fields: object) =>
    record("operation failed", { op_id: op(digit), time: at(second), service: "banger", ...fields });

  it.each([
    ["what waits for a daemon and is older", [started("1", 30), failed("2", 40, { began: at(20) })], "1"],
    ["what waits for a daemon and is newer", [started("1", 10), failed("2", 40, { began: at(20) })], "2"],
    ["what is told of late", [record("taken", { op_id: op("2"), time: at(50), began: at(20) }), started("1", 10)], "2"],
    ["what began earlier and failed later", [started("1", 30), failed("2", 40, { duration_ms: 15_000 })], "1"],
    ["what the daemon reads late", [started("2", 10), started("1", 20), started("2", 30)], "1"],
    ["what reads the log itself", [started("1", 10), failed("2", 40, { operation: "banger logs show" })], "1"],
  ])("of `last` are those of what began last: beside %s", (_, mixed, last) => {
    expect([...choose({ of: "last" }, mixed).opIds]).toEqual([op(last)]);
  });

  it("are none in an empty log, and not guessed among several", () => {
    expect(() => choose({ of: "last" }, [])).toThrow(expect.objectContaining({ code: "not_found" }));
    const twins = ["12345", "12346"].map((digits) => record("x", { op_id: `op-${digits.padEnd(32, "0")}` }));
    expect(() => choose({ of: "1234" }, twins)).toThrow(expect.objectContaining({ code: "ambiguous" }));
  });
});

it.each([
  ["", undefined],
  ['{"time":"t","mess', undefined],
  ["[1]", undefined],
  ['{"time":1,"message":"x"}', undefined],
  ['{"time":"t","message":"x"}', { time: "t", message: "x", level: "info" }],
])("a line %j is the record %j", (line, expected) => {
  expect(recordOf(line)).toEqual(expected);
});

it("what a guest wrote moves no cursor and begins no line of its own", () => {
  const text = showRecord(
    record("it died", {
      time: "2026-11-29T00:00:00.000Z",
      reason: "a\u001b[2Jb\nc",
      console: "one\n\u001b[31mtwo\rthree",
    }),
    false,
  );
  expect(text).toMatch(/it died {2}reason=ab \| c\n {4}console \| one\n {4}console \| two\n {4}console \| three\n$/);
  expect(text).not.toContain("\u001b");
});
