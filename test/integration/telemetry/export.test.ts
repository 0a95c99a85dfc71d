import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it, vi } from "vitest";
import { readSwitches } from "../../../src/telemetry/export-settings.ts";
import { type SpanExport, startExport } from "../../../src/telemetry/export.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";
import { type ResourceSpans, spansFromOtlp } from "../../support/otlp-spans.ts";
import { accepts, type Manner, OddCollector } from "../../support/odd-collector.ts";

const quick = { OTEL_BSP_SCHEDULE_DELAY: "5", OTEL_EXPORTER_OTLP_TIMEOUT: "300" };

/** An export as a daemon has it under an environment, and what it said. */
function exporting(url: string, env: NodeJS.ProcessEnv = {}): SpanExport & { said: string[]; words: string[] } {
  const said: string[] = [];
  const words: string[] = [];
  const otlp = startExport({
    settings: readSwitches({ OTEL_EXPORTER_OTLP_ENDPOINT: url, ...quick, ...env }),
    service: "bangerd",
    bootId: "f4e1a4c2-9d3b-4a55-8c5e-1b0a8f6f7d11",
    complain: (error, text) => said.push(error === undefined ? text : `${text}: ${(error as Error).message}`),
    say: (level, text) => words.push(`${level} ${text}`),
  });
  return { ...otlp, said, words };
}

const span = (service = "bangerd", attributes = {}, more: Partial<SpanRecord> = {}): SpanRecord => ({
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  service,
  name: "vm.start",
  kind: "server",
  start_ns: "1000000000000000000",
  end_ns: "1000000000000000001",
  status: "ok",
  attributes: { "banger.step": "bridge", ...attributes },
  links: [],
  ...more,
});

/** The resources of all that a collector got, by service and process. */
function resourcesIn(collector: OddCollector) {
  return collector.received.flatMap(({ body }) =>
    (JSON.parse(String(body)) as { resourceSpans: ResourceSpans[] }).resourceSpans.map(({ resource }) =>
      Object.fromEntries(
        resource.attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
      ),
    ),
  );
}

const answers =
  (status: number, body: string | Buffer = "", headers: Record<string, string> = {}): Manner =>
  (response) =>
    void response.writeHead(status, headers).end(body);
const drips: Manner = (response) => {
  response.writeHead(200);
  const timer = setInterval(() => response.write(" "), 20);
  response.once("close", () => clearInterval(timer));
};

it.each<[string, Manner, RegExp]>([
  ["401 in colours", answers(401, "bad\u001b[31m\r\ntoken\u202e"), /^the collector answered 401: bad \[31m token$/],
  ["403 at length", answers(403, "x".repeat(1_000_000)), /^the collector answered 403: x{200}$/],
  ["404", answers(404, "404 page not found"), /^the collector answered 404: 404 page not found$/],
  ["429", answers(429, "slow down"), /^the collector answered 429: slow down$/],
  ["500 in bytes", answers(500, Buffer.from([0, 255, 254, 65])), /^the collector answered 500: A$/],
  ["503", answers(503), /^the collector answered 503$/],
  ["400, compressed", answers(400, gzipSync("no"), { "content-encoding": "gzip" }), /answered 400: \(in gzip\)$/],
  ["a redirect", answers(307, "", { location: "http://127.0.0.1:1/" }), /^the collector answered 307$/],
  ["a web page", answers(200, "<html>Jaeger", { "content-type": "text/html" }), /200 with a web page.*<html>Jaeger/],
  ["nothing", () => undefined, /timed out|no whole answer/i],
  ["a byte now and then", drips, /no whole answer within 300 ms|answered 200/],
  ["a reset", (response) => void response.socket?.resetAndDestroy(), /ECONNRESET|socket hang up/],
  ["10 MB with 200", answers(200, Buffer.alloc(10_000_000, 0x20)), /answered 200/],
  ["10 MB with 500", answers(500, Buffer.alloc(10_000_000, 0x78)), /answered 500: x{200}$/],
  ["no HTTP", (response) => void response.socket?.end("SSH-2.0-OpenSSH_9.2\r\n"), /Parse Error/],
])("a collector that answers %s is said and counted, with its words", async (_, manner, text) => {
  await using collector = await OddCollector.start(manner);
  const otlp = exporting(collector.url);
  otlp.sink(span());
  await expect.poll(() => otlp.status().counts, { timeout: 5_000 }).toMatchObject({ exported: 0, failed: 1 });
  expect(otlp.status().counts.lastError?.text).toMatch(text);
  expect(otlp.said).toEqual([`traces could not be exported: ${otlp.status().counts.lastError?.text}`]);
  collector.manner = accepts;
  otlp.sink(span());
  await expect.poll(() => otlp.status().counts, { timeout: 5_000 }).toMatchObject({ exported: 1, failed: 1 });
  expect(otlp.said).toEqual([expect.any(String), "traces are exported again, after 1 failures"]);
  await otlp.close(1_000);
});

it("a collector that isn't there is said once, however often it is tried", async () => {
  let gone: string;
  {
    await using collector = await OddCollector.start();
    gone = collector.url;
  }
  const otlp = exporting(gone);
  for (let failed = 1; failed <= 3; failed++) {
    otlp.sink(span());
    await expect.poll(() => otlp.status().counts.failed).toBe(failed);
  }
  expect(otlp.said).toEqual([expect.stringMatching(/ECONNREFUSED/)]);
  otlp.sink(span());
  await otlp.close(1_000);
});

it.each(["120", new Date(Date.now() + 120_000).toUTCString()])("Retry-After: %s is heeded", async (after) => {
  await using collector = await OddCollector.start(answers(429, "", { "retry-after": after }));
  const otlp = exporting(collector.url);
  for (let failed = 1; failed <= 3; failed++) {
    otlp.sink(span());
    await expect.poll(() => otlp.status().counts.failed).toBe(failed);
  }
  // Whoever sets the wall clock ends no wait.
  const now = Date.now();
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now + 3_600_000);
  otlp.sink(span());
  await expect.poll(() => otlp.status().counts.failed).toBe(4);
  clock.mockRestore();
  expect(collector.received).toHaveLength(1);
  expect(otlp.status().counts.lastError?.text).toMatch(/^the collector asked to wait until 20/);
  await otlp.close(1_000);
});

it.each([
  [
    "http/json",
    "application/json",
    Buffer.from('{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too\\u001b old"}}'),
  ],
  // ExportTracePartialSuccess: rejected_spans = 2, error_message = "too old".
  ["http/protobuf", "application/x-protobuf", Buffer.from("\n\u000b\b\u0002\u0012\u0007too old")],
])("what a collector takes only in part is counted (%s)", async (protocol, type, answer) => {
  await using collector = await OddCollector.start(answers(200, answer, { "content-type": type }));
  const otlp = exporting(collector.url, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
  for (let n = 0; n < 3; n++) otlp.sink(span());
  await expect.poll(() => otlp.status().counts).toMatchObject({ exported: 1, rejected: 2, failed: 0 });
  expect(collector.received[0]?.headers["content-type"]).toBe(type);
  expect(otlp.said).toEqual(["traces could not be exported: the collector rejected 2 spans: too old"]);
  await otlp.close(1_000);
});

it("names, attributes, headers, limits, compression and the address's parts arrive as the environment has them", async () => {
  await using collector = await OddCollector.start();
  const otlp = exporting(collector.url.replace("//", "//me:secret@") + "/base/?key=1", {
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=ci,where=a%2Cb",
    OTEL_SERVICE_NAME: "our-bangerd",
    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3",
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "1",
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b",
  });
  for (const service of ["bangerd", "bangerd-root"]) otlp.sink(span(service, { "banger.vmm": "qemu" }));
  await otlp.close(5_000);
  expect(otlp.said).toEqual([]);
  const [request] = collector.received;
  expect(request).toMatchObject({
    path: "/base/v1/traces?key=1",
    headers: { "x-key": "a b", authorization: `Basic ${Buffer.from("me:secret").toString("base64")}` },
  });
  const common = { "deployment.environment.name": "ci", where: "a,b" };
  expect(resourcesIn(collector)).toMatchObject([
    { "service.name": "our-bangerd", ...common },
    { "service.name": "bangerd-root", ...common },
  ]);
  expect(String(request?.body)).toContain('"stringValue":"bri"');
  expect(String(request?.body)).not.toContain("banger.vmm");
  expect(otlp.status().endpoint).not.toMatch(/secret|key/);
});

it("a resource says service, version, host and process, as the environment has them where it may", async () => {
  await using collector = await OddCollector.start();
  const otlp = exporting(collector.url, {
    OTEL_RESOURCE_ATTRIBUTES: "host.name=here,os.version=9,service.version=ours,process.pid=x,service.namespace=n",
  });
  const own = { pid: 7, version: "1.2.3" };
  otlp.sink(span("bangerd", {}, own));
  otlp.sink(span("banger", {}, { ...own, pid: 8 }));
  otlp.sink(span("banger", {}, { ...own, pid: 9 }));
  otlp.sink(span("bangerd-root", {}, { pid: 8 }));
  otlp.sink(span("guest", { "banger.vm.id": "0123456789abcdef", "banger.vm.name": "web" }));
  await otlp.close(5_000);
  const host = { "host.name": "here", "host.arch": "amd64", "os.type": "linux", "os.version": "9" };
  const common = { "service.namespace": "n" };
  const uuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as string;
  const resources = resourcesIn(collector);
  expect(resources).toEqual([
    {
      ...host,
      ...common,
      "service.name": "bangerd",
      "service.version": "ours",
      "process.pid": "x",
      "service.instance.id": uuid,
    },
    {
      ...host,
      ...common,
      "service.name": "banger",
      "service.version": "1.2.3",
      "process.pid": 8,
      "service.instance.id": uuid,
    },
    {
      ...host,
      ...common,
      "service.name": "banger",
      "service.version": "1.2.3",
      "process.pid": 9,
      "service.instance.id": uuid,
    },
    { ...host, ...common, "service.name": "bangerd-root", "process.pid": 8, "service.instance.id": uuid },
    {
      ...common,
      "service.name": "guest",
      "service.instance.id": "0123456789abcdef",
      "host.name": "web",
      "os.type": "linux",
    },
  ]);
  expect(new Set(resources.map((resource) => resource["service.instance.id"])).size).toBe(5);
});

it("events arrive, as far as the limits let them", async () => {
  await using collector = await OddCollector.start();
  const otlp = exporting(collector.url, {
    OTEL_SPAN_EVENT_COUNT_LIMIT: "2",
    OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "1",
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "4",
  });
  const at = "1000000000000000001";
  const attributes = { "banger.step": "bridge", "banger.step.phase": "started" };
  const events = ["a", "b", "c"].map((name) => ({ name, time_ns: at, attributes }));
  otlp.sink(span("bangerd", {}, { events }));
  await otlp.close(5_000);
  const { resourceSpans } = JSON.parse(String(collector.received[0]?.body)) as { resourceSpans: ResourceSpans[] };
  const [sent] = resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
  expect(sent).toMatchObject({ droppedEventsCount: 1, events: [{ name: "a", timeUnixNano: at }, { name: "b" }] });
  expect(spansFromOtlp(resourceSpans)[0]?.events).toEqual(
    ["a", "b"].map((name) => ({ name, time_ns: at, attributes: { "banger.step": "brid" } })),
  );
});

it("a collector that is back after an hour gets what is new; what it missed was counted, in bounded memory", async () => {
  let elapsed = 0;
  const real = performance.now.bind(performance);
  const clock = vi.spyOn(performance, "now").mockImplementation(() => real() + elapsed);
  await using collector = await OddCollector.start(answers(503, "", { "retry-after": "3600" }));
  const otlp = exporting(collector.url, { OTEL_BSP_MAX_QUEUE_SIZE: "100", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "50" });
  for (let n = 0; n < 20_000; n++) otlp.sink(span());
  const lost = () => otlp.status().counts.failed + otlp.status().counts.dropped;
  // The last of them are counted as dropped when there is another.
  await expect.poll(() => otlp.status().counts.failed, { timeout: 5_000 }).toBeGreaterThanOrEqual(100);
  expect(otlp.said).toHaveLength(1);
  collector.manner = accepts;
  elapsed = 3_600_000;
  otlp.sink(span());
  await expect.poll(() => otlp.status().counts.exported, { timeout: 5_000 }).toBe(1);
  expect(lost()).toBe(20_000);
  expect(otlp.said.at(-1)).toMatch(/^traces are exported again, after \d+ failures$/);
  await otlp.close(1_000);
  clock.mockRestore();
});

it("a collector that stays away is written down again now and then, not each time", async () => {
  let elapsed = 0;
  const real = performance.now.bind(performance);
  const clock = vi.spyOn(performance, "now").mockImplementation(() => real() + elapsed);
  await using collector = await OddCollector.start(answers(500));
  const otlp = exporting(collector.url);
  for (const [after, lines] of [
    [0, 1],
    [60_000, 1],
    [11 * 60_000, 2],
  ] as const) {
    elapsed = after;
    const failed = otlp.status().counts.failed;
    otlp.sink(span());
    await expect.poll(() => otlp.status().counts.failed).toBe(failed + 1);
    expect(otlp.said).toHaveLength(lines);
  }
  await otlp.close(1_000);
  clock.mockRestore();
});

it("a queue that is full drops, and counts what it dropped", async () => {
  await using collector = await OddCollector.start(() => undefined);
  const otlp = exporting(collector.url, { OTEL_BSP_MAX_QUEUE_SIZE: "4", OTEL_LOG_LEVEL: "warn" });
  for (let n = 0; n < 10; n++) otlp.sink(span());
  await expect.poll(() => otlp.status().counts.failed, { timeout: 5_000 }).toBeGreaterThanOrEqual(4);
  otlp.sink(span());
  await expect.poll(() => otlp.status().counts.dropped).toBeGreaterThan(0);
  expect(otlp.words).toContainEqual(expect.stringMatching(/^warn Dropped \d spans/));
  await otlp.close(100);
});

it("a certificate that nobody vouches for is refused, and taken when OTEL_EXPORTER_OTLP_CERTIFICATE names it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "banger-tls-"));
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const subject = ["-subj", "/CN=c", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  execFileSync("openssl", ["req", "-x509", ...curve, "-nodes", "-keyout", key, "-out", cert, ...subject], {
    stdio: "ignore",
  });
  await using collector = await OddCollector.start(accepts, { cert: readFileSync(cert), key: readFileSync(key) });
  const strict = exporting(collector.url);
  strict.sink(span());
  await strict.close(5_000);
  expect(strict.said).toEqual([expect.stringMatching(/self-signed certificate/)]);
  const trusting = exporting(collector.url, { OTEL_EXPORTER_OTLP_CERTIFICATE: cert });
  trusting.sink(span());
  await trusting.close(5_000);
  expect(trusting.status().counts).toMatchObject({ exported: 1, failed: 0 });
  rmSync(directory, { recursive: true });
});

it.each([
  ["OTEL_TRACES_EXPORTER", "none"],
  ["OTEL_SDK_DISABLED", "true"],
  ["OTEL_TRACES_SAMPLER", "always_off"],
])("%s=%s sends nothing, and nothing is said", async (name, value) => {
  await using collector = await OddCollector.start();
  const otlp = exporting(collector.url, { [name]: value });
  otlp.sink(span());
  await otlp.close(1_000);
  expect(collector.received).toEqual([]);
  expect(otlp.said).toEqual([]);
});
