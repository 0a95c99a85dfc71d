import { describe, expect, it } from "vitest";
import { ForeignRecords } from "../../../src/daemon/log/foreign-records.ts";
import type { OpId } from "../../../src/telemetry/op-id.ts";
import { RecordCarrier } from "../../../src/telemetry/record-carrier.ts";

const opId: OpId = `op-${"a1".repeat(16)}`;
const other: OpId = `op-${"b2".repeat(16)}`;
const vm = "0123456789abcdef";
const record = (fields: object = {}) => ({
  level: "info",
  time: new Date().toISOString(),
  service: "x",
  pid: 7,
  message: "it happened",
  op_id: opId,
  trace_id: opId.slice(3),
  ...fields,
});

function made() {
  const written: Record<"own" | "kept", Record<string, unknown>[]> = { own: [], kept: [] };
  const to = (name: keyof typeof written) => ({
    write: (line: string) => void written[name].push(JSON.parse(line) as Record<string, unknown>),
  });
  return { written, foreign: new ForeignRecords({ own: to("own"), kept: to("kept") }) };
}

describe("what another process logged", () => {
  it("is the helper's, of the operation that it was asked in, and kept once", () => {
    const { written, foreign } = made();
    foreign.fromHelper(opId, vm, [record({ op_id: other, trace_id: "z", service: "bangerd" })], 0);
    expect(written.own).toEqual([]);
    expect(written.kept).toMatchObject([
      { service: "bangerd-root", op_id: opId, trace_id: opId.slice(3), "banger.vm.id": vm, pid: 7 },
    ]);
  });

  it.each([
    ["a level that is none", { level: "loud" }],
    ["a time that is none", { time: "now" }],
    ["a time to come", { time: new Date(Date.now() + 60_000).toISOString() }],
    ["a message that is none", { message: 5 }],
    ["a message without end", { message: "x".repeat(501) }],
    ["no process", { pid: 0 }],
  ])("is dropped with %s, and counted", (_, fields) => {
    const { written, foreign } = made();
    foreign.fromHelper(opId, vm, [record(fields)], 2);
    expect(written.kept).toMatchObject([{ level: "warn", dropped: 3, op_id: opId }]);
    expect(foreign.dropped).toBe(3);
  });

  it("has declared fields alone, and stays within bounds", () => {
    const { written, foreign } = made();
    foreign.fromHelper(opId, undefined, [record({ secret: "x" }), record({ reason: "x".repeat(100_000) })], 0);
    expect(written.kept.map((one) => Object.keys(one).filter((name) => ["secret", "reason"].includes(name)))).toEqual([
      [],
      [],
    ]);
    foreign.fromHelper(
      opId,
      undefined,
      Array.from({ length: 200 }, () => record()),
      0,
    );
    expect(written.kept).toHaveLength(2 + 64 + 1);
  });

  it("is the CLI's only where it asked for that operation itself, and written in both places", () => {
    const { written, foreign } = made();
    const owns = (traceId: string) => traceId === opId.slice(3);
    const records = [record(), record({ op_id: other, trace_id: other.slice(3) }), record({ op_id: other }), null, "x"];
    expect(foreign.fromCli(records, owns, () => vm)).toBe(2);
    expect(written.own).toEqual(written.kept);
    expect(written.own).toMatchObject([
      { service: "banger", op_id: opId, "banger.vm.id": vm },
      { service: "banger", op_id: opId },
    ]);
  });
});

describe("what is logged while a request is answered", () => {
  const line = (text: string) => `${JSON.stringify({ message: text })}\n`;

  it("rides back with its answer and no other's, and is written anyhow", async () => {
    const lines: string[] = [];
    const carrier = new RecordCarrier();
    const log = carrier.over({ write: (text) => void lines.push(text) });
    const request = (name: string) =>
      carrier.collect(async () => {
        log.write(line(`${name} begins`));
        await new Promise((resolve) => setImmediate(resolve));
        log.write(line(`${name} ends`));
        return name;
      });
    log.write(line("nobody's"));
    expect(await Promise.all([request("a"), request("b")])).toEqual(
      ["a", "b"].map((name) => ({
        answer: name,
        records: [{ message: `${name} begins` }, { message: `${name} ends` }],
        left: 0,
      })),
    );
    expect(lines).toHaveLength(5);
  });

  it.each([
    ["too many", 100, 10, 64],
    ["too large", 10, 20_000, 3],
    ["one alone that is too large", 1, 70_000, 0],
  ])("is the last of it where that is %s, and the rest is counted", async (_, count, length, carried) => {
    const carrier = new RecordCarrier();
    const log = carrier.over({ write: () => undefined });
    const { records, left } = await carrier.collect(async () => {
      for (let n = 0; n < count; n++) log.write(line(`${n} ${"x".repeat(length)}`));
    });
    expect(records).toHaveLength(carried);
    expect(left).toBe(count - carried);
    const [last] = records.slice(-1) as { message: string }[];
    if (carried > 0) expect(last?.message).toMatch(new RegExp(`^${count - 1} `));
  });
});
