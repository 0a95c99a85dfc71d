import { expect, test } from "vitest";
import { isOpId, newOpId, opIdOfTrace, traceIdOf } from "../../../src/telemetry/op-id.ts";
import { formatTraceparent, parseTraceparent } from "../../../src/telemetry/traceparent.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";

test("an op_id is its trace id and back", () => {
  const opId = newOpId();
  expect(isOpId(opId)).toBe(true);
  expect(opIdOfTrace(traceIdOf(opId))).toBe(opId);
  expect(newOpId()).not.toBe(opId);
});

test.each([
  ["all zero", `op-${"0".repeat(32)}`, false],
  ["too short", `op-${trace.slice(1)}`, false],
  ["too long", `op-${trace}0`, false],
  ["upper case", `op-${trace.toUpperCase()}`, false],
  ["no prefix", trace, false],
  ["a newline after it", `op-${trace}\n`, false],
  ["well formed", `op-${trace}`, true],
])("op_id, %s", (_, text, valid) => {
  expect(isOpId(text)).toBe(valid);
});

test.each([
  ["well formed", `00-${trace}-${span}-01`, true],
  ["unsampled", `00-${trace}-${span}-00`, true],
  ["white space", ` 00-${trace}-${span}-01`, false],
  ["a future version", `01-${trace}-${span}-01-extra`, false],
  ["unknown flags", `00-${trace}-${span}-ff`, false],
  ["zero trace", `00-${"0".repeat(32)}-${span}-01`, false],
  ["zero span", `00-${trace}-${"0".repeat(16)}-01`, false],
  ["a newline in place of the last digit", `00-${trace}-${span}-0\n`, false],
  ["not text", 7, false],
])("traceparent, %s", (_, text, valid) => {
  const parsed = parseTraceparent(text);
  expect(parsed !== undefined).toBe(valid);
  if (parsed) expect(formatTraceparent(parsed)).toBe(text);
});
