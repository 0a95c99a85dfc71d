import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";

const run = promisify(execFile);

/** Every switch at once, each in the way that would lose most. */
const everything = {
  OTEL_TRACES_SAMPLER: "always_off",
  OTEL_TRACES_EXPORTER: "none",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "console",
  OTEL_PROPAGATORS: "nonsense",
  OTEL_LOG_LEVEL: "all",
  OTEL_NODE_RESOURCE_DETECTORS: "all",
  OTEL_NODE_EXPERIMENTAL_SDK_METRICS: "true",
  OTEL_RESOURCE_ATTRIBUTES: "%%%,=",
  OTEL_EXPORTER_OTLP_ENDPOINT: "::::",
  OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  OTEL_BSP_SCHEDULE_DELAY: "-1",
  OTEL_CONFIG_FILE: "/nonexistent",
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "0",
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "1",
  OTEL_ATTRIBUTE_COUNT_LIMIT: "0",
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "1",
  OTEL_SPAN_LINK_COUNT_LIMIT: "0",
  OTEL_SPAN_EVENT_COUNT_LIMIT: "0",
  OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "0",
  TRACESTATE: "=,=;",
  BAGGAGE: "%%%",
};

it.each<[string, Record<string, string>]>([
  ["daemon", {}],
  ["daemon", { OTEL_SDK_DISABLED: "true" }],
  ["daemon", everything],
  ["daemon", { ...everything, OTEL_SDK_DISABLED: "true" }],
  ["plain", { ...everything, OTEL_SDK_DISABLED: "true" }],
])(
  "in a %s process under %o an operation is recorded whole, in its own trace, and nothing is printed",
  async (kind, env) => {
    const { stdout, stderr } = await run("node", ["test/support/recording.ts", kind], {
      env: { ...process.env, ...env },
    });
    const [step, operation] = JSON.parse(stdout) as SpanRecord[];
    expect(step).toMatchObject({ name: "step bridge", attributes: { "banger.step": "bridge" } });
    expect(step).toMatchObject({ trace_id: operation?.trace_id, parent_span_id: operation?.span_id });
    expect(operation?.links).toEqual([
      { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736", span_id: "00f067aa0ba902b7" },
      { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" },
    ]);
    expect(operation?.events).toHaveLength(500);
    expect(operation?.events?.[0]).toMatchObject({
      name: "operation stage",
      attributes: { "banger.step": "stage 0", "banger.step.phase": "started" },
    });
    expect(stderr).toBe("");
  },
);
