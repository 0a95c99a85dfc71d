import { expect, it } from "vitest";
import { exportedLength, exportEndpoint, exportProtocol, exportSampler } from "../../../src/telemetry/switches.ts";

const at = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

it.each<[string, NodeJS.ProcessEnv, string | undefined]>([
  ["nothing", {}, undefined],
  ["an empty endpoint", { OTEL_EXPORTER_OTLP_ENDPOINT: " " }, undefined],
  ["an endpoint", at, "http://127.0.0.1:4318"],
  ["one for traces", { ...at, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c/v1/traces" }, "https://c/v1/traces"],
  ["no exporter", { ...at, OTEL_TRACES_EXPORTER: "none" }, undefined],
  ["no SDK", { ...at, OTEL_SDK_DISABLED: "TRUE" }, undefined],
  ["a switch that isn't one", { ...at, OTEL_SDK_DISABLED: "1" }, "http://127.0.0.1:4318"],
])("with %s traces go where that says", (_, env, endpoint) => {
  expect(exportEndpoint(env, "TRACES")).toBe(endpoint);
});

it("logs are sent only where they have an endpoint of their own", () => {
  expect(exportEndpoint(at, "LOGS")).toBeUndefined();
  expect(exportEndpoint({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://c" }, "LOGS")).toBe("http://c");
});

it.each<[NodeJS.ProcessEnv, RegExp]>([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "::::" }, /^OTEL_EXPORTER_OTLP_ENDPOINT: "::::" is no http/],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318" }, /no http/],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "unix:///x" }, /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT/],
  [{ ...at, OTEL_TRACES_EXPORTER: "zipkin" }, /^OTEL_TRACES_EXPORTER: "zipkin" isn't known/],
])("%o is refused, by its name", (env, message) => {
  expect(() => exportEndpoint(env, "TRACES")).toThrow(message);
});

it("JSON is spoken, and protobuf when it is asked for; nothing else", () => {
  expect(exportProtocol({})).toBe("http/json");
  expect(exportProtocol({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" })).toBe("http/protobuf");
  expect(() => exportProtocol({ OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc" })).toThrow(
    /TRACES_PROTOCOL: "grpc" isn't spoken/,
  );
});

it.each<[NodeJS.ProcessEnv, boolean, boolean]>([
  [{}, true, true],
  [{ OTEL_TRACES_SAMPLER: "always_off" }, false, false],
  [{ OTEL_TRACES_SAMPLER: "parentbased_always_off" }, false, false],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" }, true, false],
])("%o lets a low trace id through: %s, a high one: %s", (env, low, high) => {
  const sampled = exportSampler(env);
  expect([sampled("0".repeat(31) + "1"), sampled("f".repeat(32))]).toEqual([low, high]);
});

it("a limit on values is that of the exported ones", () => {
  expect(exportedLength({})).toBe(Number.POSITIVE_INFINITY);
  expect(exportedLength({ OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "9", OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3" })).toBe(
    3,
  );
  expect(exportedLength({ OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "many" })).toBe(Number.POSITIVE_INFINITY);
});
