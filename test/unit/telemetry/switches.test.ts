import { expect, it } from "vitest";
import { type ExportSettings, readSwitches } from "../../../src/telemetry/export-settings.ts";
import { logsEndpoint } from "../../../src/telemetry/export-target.ts";
import { switches, withoutEffect } from "../../../src/telemetry/switches.ts";

type On = Extract<ExportSettings, { off?: undefined }>;
const all = "OTEL_EXPORTER_OTLP_ENDPOINT";
const at = { [all]: "http://127.0.0.1:4318" };
const on = (env: NodeJS.ProcessEnv = {}) => readSwitches({ ...at, ...env }) as On;

it.each<[NodeJS.ProcessEnv, string]>([
  [at, "http://127.0.0.1:4318/v1/traces"],
  [{ [all]: "http://c:1/" }, "http://c:1/v1/traces"],
  [{ [all]: "http://c:1/base//" }, "http://c:1/base/v1/traces"],
  [{ [all]: " https://c/x?token=1#y " }, "https://c/x/v1/traces?token=1"],
  [{ [all]: "HTTP://[::1]:4318" }, "http://[::1]:4318/v1/traces"],
  [{ [all]: "http://user:secret@c" }, "http://user:secret@c/v1/traces"],
  [{ ...at, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c/own" }, "https://c/own"],
  [{ OTEL_TRACES_EXPORTER: "otlp" }, "http://localhost:4318/v1/traces"],
])("%o sends traces to %s", (env, url) => {
  expect((readSwitches(env) as On).target.url).toBe(url);
});

it("neither password nor query of an endpoint is shown", () => {
  expect(on({ [all]: "https://user:secret@c/x?token=1" }).target.shown).toBe("https://c/x/v1/traces");
  expect(() => on({ [all]: "ftp://user:secret@c" })).toThrow(/^OTEL_EXPORTER_OTLP_ENDPOINT: it is no http/);
});

it.each<[NodeJS.ProcessEnv, string]>([
  [{}, "OTEL_EXPORTER_OTLP_ENDPOINT is not set"],
  [{ [all]: " " }, "OTEL_EXPORTER_OTLP_ENDPOINT is not set"],
  [{ ...at, OTEL_SDK_DISABLED: "TRUE", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "OTEL_SDK_DISABLED"],
  [{ ...at, OTEL_TRACES_EXPORTER: "none" }, "OTEL_TRACES_EXPORTER"],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "OTEL_EXPORTER_OTLP_ENDPOINT is not set"],
])("%o sends nothing: %s", (env, off) => {
  expect(readSwitches(env).off).toBe(off);
});

it.each<[string, string, RegExp]>([
  [all, "::::", /"::::" is no http/],
  [all, "localhost:4318", /no http/],
  [all, "ftp://c", /no http/],
  [all, "http://", /no http/],
  [all, "127.0.0.1", /no http/],
  [all, "http://c:1/v1/traces", /ends with \/v1\/traces, which is added to it/],
  [all, "https://user:secret@c/base/v1/traces/", /^((?!secret).)*ends with \/v1\/traces/],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "unix:///x", /no http/],
  ["OTEL_TRACES_EXPORTER", "zipkin", /"zipkin" isn't known; otlp, none are/],
  ["OTEL_TRACES_EXPORTER", "otlp,console", /"console" isn't known/],
  ["OTEL_SDK_DISABLED", "1", /isn't known; true, false are/],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", /http\/json, http\/protobuf are/],
  ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "nonsense", /isn't known/],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "abc", /must be 1 to/],
  ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0", /must be 1 to/],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "-1", /must be 1 to/],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "1e99", /must be 1 to/],
  ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", /gzip, none are/],
  ["OTEL_EXPORTER_OTLP_HEADERS", "api-key", /its part 1 is not NAME=VALUE/],
  ["OTEL_EXPORTER_OTLP_HEADERS", "a=1,=2", /its part 2 is not NAME=VALUE/],
  ["OTEL_EXPORTER_OTLP_HEADERS", "a b=1", /must be a valid HTTP token/],
  ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=%0asecret", /^((?!secret).)*$/],
  ["OTEL_EXPORTER_OTLP_HEADERS", "a=%zz", /not percent-encoded/],
  ["OTEL_RESOURCE_ATTRIBUTES", "nonsense", /not NAME=VALUE/],
  ["OTEL_RESOURCE_ATTRIBUTES", "a=%E0%A4%A", /not percent-encoded/],
  ["OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent", /can't be read \(ENOENT\)/],
  ["OTEL_EXPORTER_OTLP_CERTIFICATE", "/", /can't be read \(EISDIR\)/],
  ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "package.json", /not PEM/],
  ["OTEL_EXPORTER_OTLP_CLIENT_KEY", "package.json", /without OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE/],
  ["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "package.json", /can't be used/],
  ["OTEL_TRACES_SAMPLER", "jaeger_remote", /isn't known/],
  ["OTEL_TRACES_SAMPLER_ARG", "half", /from 0 to 1/],
  ["OTEL_TRACES_SAMPLER_ARG", "2", /from 0 to 1/],
  ["OTEL_BSP_MAX_QUEUE_SIZE", "0", /must be 1 to/],
  ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000", /more than the queue of 2048/],
  ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "many", /must be 0 to/],
  ["OTEL_LOG_LEVEL", "loud", /isn't known/],
  ["OTEL_CONFIG_FILE", "/etc/otel.yaml", /isn't read here/],
  ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "::::", /no http/],
])("%s=%s is refused in one line, by its name", (name, value, message) => {
  let said = "";
  try {
    on({ [name]: value });
  } catch (error) {
    said = (error as Error).message;
  }
  expect(said).toMatch(new RegExp(`^${name}: .+$`));
  expect(said).toMatch(message);
});

it("what is heeded", () => {
  expect(on()).toMatchObject({ protocol: "http/json", gzip: false, timeoutMs: 5_000, headers: {}, resource: {} });
  const given = on({
    OTEL_SDK_DISABLED: "False",
    OTEL_EXPORTER_OTLP_HEADERS: "a=1,B=x%20y, c = Basic abc== ,,",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "a=2",
    OTEL_EXPORTER_OTLP_PROTOCOL: "nonsense",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_EXPORTER_OTLP_TIMEOUT: "700",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=ours,where=a%2Cb%3Dc",
    OTEL_BSP_MAX_QUEUE_SIZE: "9",
  });
  expect(given).toMatchObject({
    headers: { a: "2", B: "x y", c: "Basic abc==" },
    protocol: "http/protobuf",
    gzip: true,
    timeoutMs: 700,
    serviceName: "ours",
    resource: { where: "a,b=c" },
    batch: { queue: 9, spans: 9 },
  });
});

it("what changes nothing is said, with why", () => {
  expect(withoutEffect({ ...at, OTEL_BSP_MAX_QUEUE_SIZE: "9" })).toEqual([]);
  expect(
    withoutEffect({ OTEL_PROPAGATORS: "b3", OTEL_EXPORTER_OTLP_INSECURE: "maybe", OTEL_METRICS_EXPORTER: " " }),
  ).toEqual([
    "OTEL_EXPORTER_OTLP_INSECURE changes nothing: it is of gRPC; the endpoint says http or https",
    "OTEL_PROPAGATORS changes nothing: what is recorded here is whole, and in banger's own ids",
  ]);
});

it("logs are sent only where they have an endpoint of their own", () => {
  expect(logsEndpoint(at)).toBeUndefined();
  expect(logsEndpoint({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://c" })).toBe("http://c");
  expect(logsEndpoint({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://c", OTEL_LOGS_EXPORTER: "none" })).toBeUndefined();
});

it.each<[NodeJS.ProcessEnv, boolean, boolean]>([
  [{}, true, true],
  [{ OTEL_TRACES_SAMPLER: "always_off" }, false, false],
  [{ OTEL_TRACES_SAMPLER: "parentbased_always_off" }, false, false],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" }, true, false],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: " " }, true, true],
])("%o lets a low trace id through: %s, a high one: %s", (env, low, high) => {
  const { isSampled } = on(env);
  expect([isSampled("0".repeat(31) + "1"), isSampled("f".repeat(32))]).toEqual([low, high]);
});

it("limits are those of the exported spans, the spans' own before the general ones", () => {
  expect(on().limits).toEqual({
    valueLength: Infinity,
    attributes: Infinity,
    links: Infinity,
    events: Infinity,
    eventAttributes: Infinity,
  });
  const given = { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "9", OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3" };
  const counts = { OTEL_SPAN_LINK_COUNT_LIMIT: "0", OTEL_SPAN_EVENT_COUNT_LIMIT: "2", OTEL_ATTRIBUTE_COUNT_LIMIT: "1" };
  expect(on({ ...given, ...counts }).limits).toEqual({
    valueLength: 3,
    attributes: 1,
    links: 0,
    events: 2,
    eventAttributes: 1,
  });
});

it("the table says of each variable that it is checked, or why it changes nothing", () => {
  const free = switches.filter(({ check, noEffect }) => check === undefined && noEffect === undefined);
  expect(free.map(({ name }) => name)).toEqual([
    "OTEL_EXPORTER_OTLP_{}ENDPOINT",
    "OTEL_EXPORTER_OTLP_{}CERTIFICATE",
    "OTEL_EXPORTER_OTLP_{}CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_{}CLIENT_KEY",
    "OTEL_SERVICE_NAME",
  ]);
});
