import { expect, it } from "vitest";
import { logExport } from "../../../src/telemetry/log-export.ts";
import { accepts, OddCollector } from "../../support/odd-collector.ts";

it("a flood of records is cut, in bounded memory, and counted; what comes after it arrives", async () => {
  await using collector = await OddCollector.start(() => undefined);
  const complaints: unknown[] = [];
  const dropped: number[] = [];
  const log = logExport({
    env: {
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${collector.url}/v1/logs`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_TIMEOUT: "300",
      OTEL_BLRP_SCHEDULE_DELAY: "50",
    },
    resource: { "service.name": "test" },
    complain: (error) => complaints.push(error),
    dropped: (records) => dropped.push(records),
  });
  const record = (message: string) => `${JSON.stringify({ level: "info", time: new Date().toISOString(), message })}\n`;
  // All at once: the thread has no chance to read meanwhile.
  const long = "x".repeat(1_000);
  for (let n = 0; n < 20_000; n++) log.write(record(long));
  await expect.poll(() => dropped.length, { timeout: 15_000 }).toBe(1);
  expect(dropped[0]).toBeGreaterThan(10_000);
  expect(dropped[0]).toBeLessThan(20_000);
  expect(log.dropped).toBe(dropped[0]);
  collector.manner = accepts;
  const arrived = () => {
    log.write(record("afterwards"));
    return collector.received.some(({ body }) => body.includes("afterwards"));
  };
  await expect.poll(arrived, { timeout: 15_000 }).toBe(true);
  expect(complaints).toEqual([]);
});

it("a thread that ended is complained of once, and what comes after it is counted", async () => {
  const complaints: unknown[] = [];
  const log = logExport({
    env: { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://[", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    resource: { "service.name": "test" },
    complain: (error) => complaints.push(error),
    dropped: () => undefined,
  });
  const line = `${JSON.stringify({ level: "info", time: new Date().toISOString(), message: "said" })}\n`;
  const writes = () => {
    log.write(line);
    return log.dropped;
  };
  await expect.poll(writes).toBeGreaterThan(2);
  expect(complaints).toHaveLength(1);
});
