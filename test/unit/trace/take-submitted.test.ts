import { expect, it } from "vitest";
import { takeSubmitted } from "../../../src/daemon/trace/take-submitted.ts";
import { opIdOfTrace } from "../../../src/telemetry/op-id.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";

const trace = "7".repeat(32);
const span = {
  trace_id: trace,
  span_id: "0123456789abcdef",
  service: "banger",
  name: "banger system install",
  kind: "internal",
  start_ns: "1764000000000000000",
  end_ns: "1764000001000000000",
  status: "unset",
  attributes: {},
  links: [],
};

it.each([
  ["asked for on the same connection", { asked: true, kept: true, runs: true }, true],
  ["of which the daemon knows nothing", { asked: false, kept: false, runs: false }, true],
  ["of which a span is kept", { asked: false, kept: true, runs: false }, false],
  ["that runs, of which no span is kept yet", { asked: false, kept: false, runs: true }, false],
])("spans and records of an operation %s", (_, { asked, kept, runs }, taken) => {
  const spans: SpanRecord[] = [];
  let mayRecord: boolean | undefined;
  const accepted = takeSubmitted(
    {
      keep: (one) => void spans.push(one),
      foreign: { fromCli: (_records, mayTell) => Number((mayRecord = mayTell(trace))) },
      traces: { knows: () => kept },
      operations: { knows: (opId) => runs && opId === opIdOfTrace(trace), vmOf: () => undefined },
    },
    { spans: [span], records: [{}], ownsTrace: () => asked },
  );
  expect([accepted, spans.length, mayRecord]).toEqual([taken ? 1 : 0, taken ? 1 : 0, taken]);
});
