import { execFileSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startExport } from "../../../src/telemetry/export.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";

it.each([
  {},
  { OTEL_SDK_DISABLED: "true" },
  { OTEL_TRACES_SAMPLER: "always_off" },
  { OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3", OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3" },
  { OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "0", OTEL_SPAN_LINK_COUNT_LIMIT: "0" },
  { OTEL_PROPAGATORS: "none", OTEL_TRACES_EXPORTER: "none" },
])("under %o an operation is recorded whole, in its own trace", (env) => {
  const printed = execFileSync("node", ["test/support/recording.ts"], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  const [step, operation] = JSON.parse(printed) as SpanRecord[];
  expect(step).toMatchObject({ name: "step bridge", attributes: { "banger.step": "bridge" } });
  expect(step).toMatchObject({ trace_id: operation?.trace_id, parent_span_id: operation?.span_id });
});

let server: Server;
let answer: number;
let received: { type: string | undefined; body: string }[];
let complaints: string[];
beforeEach(async () => {
  answer = 200;
  received = [];
  complaints = [];
  server = createServer((request, response) => {
    let body = "";
    request
      .setEncoding("utf8")
      .on("data", (part: string) => (body += part))
      .on("end", () => {
        received.push({ type: request.headers["content-type"], body });
        response.writeHead(answer, { "content-type": "application/json" }).end("{}");
      });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.close();
});

const exporting = () =>
  startExport({
    env: process.env,
    service: "bangerd",
    complain: (error, text) => complaints.push(`${text}: ${String(error)}`),
  });
const span = (service: string): SpanRecord => ({
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  service,
  name: "vm.start",
  kind: "server",
  start_ns: "1000000000000000000",
  end_ns: "1000000000000000001",
  status: "ok",
  attributes: { "banger.step": "bridge" },
  links: [],
});

it("the environment's attributes are on every resource, its service name on the daemon's own", async () => {
  vi.stubEnv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=ci");
  vi.stubEnv("OTEL_SERVICE_NAME", "our-bangerd");
  vi.stubEnv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3");
  const otlp = exporting();
  for (const service of ["bangerd", "bangerd-root"]) otlp?.sink(span(service));
  await otlp?.close(5_000);
  const { resourceSpans } = JSON.parse(received[0]?.body ?? "") as {
    resourceSpans: { resource: { attributes: { key: string; value: { stringValue: string } }[] } }[];
  };
  const attributes = resourceSpans.map(({ resource }) =>
    Object.fromEntries(resource.attributes.map(({ key, value }) => [key, value.stringValue])),
  );
  expect(attributes).toEqual([
    { "service.name": "our-bangerd", "deployment.environment.name": "ci" },
    { "service.name": "bangerd-root", "deployment.environment.name": "ci" },
  ]);
  expect(received[0]?.body).toContain('"stringValue":"bri"');
  expect(complaints).toEqual([]);
});

it.each([
  ["OTEL_TRACES_EXPORTER", "none", 0],
  ["OTEL_SDK_DISABLED", "true", 0],
  ["OTEL_TRACES_SAMPLER", "always_off", 0],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "::::", 1],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1],
])("%s=%s sends nothing, and is said %i times", async (name, value, said) => {
  vi.stubEnv(name, value);
  const otlp = exporting();
  otlp?.sink(span("bangerd"));
  await otlp?.close(5_000);
  expect(received).toEqual([]);
  expect(complaints).toHaveLength(said);
});

it("protobuf is sent when it is asked for", async () => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
  const otlp = exporting();
  otlp?.sink(span("bangerd"));
  await otlp?.close(5_000);
  expect(received[0]?.type).toBe("application/x-protobuf");
});

it.each([401, 500])("a collector that answers %i is said once, and that it takes them again", async (status) => {
  answer = status;
  const otlp = exporting();
  for (let n = 1; n <= 2; n++) {
    otlp?.sink(span("bangerd"));
    await expect.poll(() => received.length, { timeout: 5_000 }).toBe(n);
  }
  answer = 200;
  otlp?.sink(span("bangerd"));
  await otlp?.close(5_000);
  expect(complaints).toEqual([
    expect.stringContaining("traces could not be exported"),
    expect.stringContaining("traces are exported again, after 2 failures"),
  ]);
});
