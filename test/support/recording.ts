// Records one operation under the environment that it is given, through the daemon's SDK or (`plain`) as CLI and helper do, and prints the spans' records.
import { startDaemonSdk } from "../../src/telemetry/daemon-sdk.ts";
import { activeIds, Spans } from "../../src/telemetry/spans.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";
import { startTracer } from "../../src/telemetry/tracer.ts";

const finished: SpanRecord[] = [];
const sink = (span: SpanRecord) => void finished.push(span);
const tracer = process.argv[2] === "plain" ? startTracer("banger", sink) : startDaemonSdk("bangerd", sink, process.env);
const spans = new Spans(tracer);
const parent = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", sampled: false };
await spans.operation("vm.start", { parent }, async (opId) => {
  await new Promise((resolve) => void setImmediate(resolve));
  for (let stage = 0; stage < 500; stage++) {
    spans.event("operation stage", { "banger.step": `stage ${stage}`, "banger.step.phase": "started" });
  }
  spans.linkTo({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", sampled: true });
  await spans.span("step bridge", { attributes: { "banger.step": "bridge" } }, async () => {
    if (activeIds()?.opId !== opId) throw new Error("the operation was lost on the way");
  });
});
process.stdout.write(JSON.stringify(finished));
