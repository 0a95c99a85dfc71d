import { expect, it } from "vitest";
import { waterfall } from "../../../src/cli/output/waterfall.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = (
  id: string,
  parent: string | undefined,
  name: string,
  from: number,
  to: number,
  rest: Partial<SpanRecord> = {},
): SpanRecord => ({
  trace_id: traceId,
  span_id: id,
  ...(parent === undefined ? {} : { parent_span_id: parent }),
  service: "bangerd",
  name,
  kind: "internal",
  start_ns: String(1_700_000_000_000_000_000n + BigInt(from * 1e6)),
  end_ns: String(1_700_000_000_000_000_000n + BigInt(to * 1e6)),
  status: "unset",
  attributes: {},
  links: [],
  ...rest,
});

const spans = [
  span("3", "2", "step tap", 50, 100, { status: "error", status_message: "no tap for you" }),
  span("1", undefined, "banger vm start", 0, 100, { service: "banger", status: "error" }),
  span("2", "1", "vm.start", 25, 100, { status: "error" }),
];

it("is a tree with a bar for each span's time, and says which failed first", () => {
  expect(waterfall(`op-${traceId}`, spans, { columns: 80, colour: false })).toBe(
    [
      `op-${traceId}  banger vm start  100 ms  error`,
      "3 spans, 2023-11-14T22:13:20.000Z",
      `banger       banger vm start ${"█".repeat(40)}    100 ms`,
      `bangerd        vm.start      ${" ".repeat(10)}${"█".repeat(30)}     75 ms`,
      `bangerd          step tap    ${" ".repeat(20)}${"█".repeat(20)}     50 ms`,
      "  ✗ step tap: no tap for you",
      "",
    ].join("\n"),
  );
});

it("respects the terminal's width and has colours only where they are wanted", () => {
  const wide = waterfall("op", spans, { columns: 200, colour: true });
  expect(wide).toContain("\u001b[31m");
  for (const columns of [20, 21, 39, 40, 41, 59, 60, 61, 100, 200, 1000, 10_000]) {
    for (const line of waterfall("op", spans, { columns, colour: false }).split("\n").slice(2, 5)) {
      expect(line.length, String(columns)).toBeLessThanOrEqual(columns);
    }
  }
});

it.each([
  [20, "banger v~    100 ms"],
  [40, `banger vm start ${"█".repeat(13)}    100 ms`],
])("in %i columns leaves out who, then the bars", (columns, first) => {
  const [, , line = ""] = waterfall("op", spans, { columns, colour: false }).split("\n");
  expect(line).toBe(first);
});

it("is one line a span, whatever a span is called", () => {
  const odd = [
    span("1", undefined, "日本語\n\u001b[2J", 0, 10, { status: "error", status_message: "one\ntwo\u001b[31m" }),
    span("2", "1", "x".repeat(300), 0, 10),
  ];
  const lines = waterfall("op", odd, { columns: 80, colour: false }).split("\n");
  expect(lines).toHaveLength(6);
  expect(lines[2]).toMatch(/^bangerd {6}日本語 {2,}█+ {5}10 ms$/);
  expect(lines[4]).toBe("  ✗ 日本語 | : one | two");
});

it("ends for spans that name each other as parents, and shows those whose parent is missing", () => {
  const odd = [span("1", "2", "a", 0, 1), span("2", "1", "b", 0, 1), span("4", "gone", "c", 0, 1)];
  expect(waterfall("op", odd, { columns: 80, colour: false })).toContain(" c ");
});
