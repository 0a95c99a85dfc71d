import { expect, it } from "vitest";
import { parseForeignTraceparent, parseTraceparent } from "../../../src/telemetry/traceparent.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

it.each([
  ["00", "01", true],
  ["00", "00", false],
  ["00", "03", true],
  ["00", "02", false],
  ["00", "ff", true],
  ["01", "01", true],
  ["cc", "03-what-comes-later", true],
])("version %s with flags %s is a trace to link to, sampled: %s", (version, flags, sampled) => {
  expect(parseForeignTraceparent(`${version}-${traceId}-${spanId}-${flags}`)).toEqual({ traceId, spanId, sampled });
});

it.each([
  ["nothing", undefined],
  ["an empty one", ""],
  ["version ff", `ff-${traceId}-${spanId}-01`],
  ["version 00 with more", `00-${traceId}-${spanId}-01-more`],
  ["a later version that goes on without a dash", `01-${traceId}-${spanId}-01more`],
  ["upper case", `00-${traceId.toUpperCase()}-${spanId}-01`],
  ["a trace of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
  ["a span of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
  ["white space", ` 00-${traceId}-${spanId}-01`],
  ["one that never ends", `01-${traceId}-${spanId}-01-${"x".repeat(1_000_000)}`],
])("%s is none", (_, text) => {
  expect(parseForeignTraceparent(text)).toBeUndefined();
});

it.each(["03", "02", "ff"])("on the wire, flags %s are as ill-formed as ever", (flags) => {
  expect(parseTraceparent(`00-${traceId}-${spanId}-${flags}`)).toBeUndefined();
});
