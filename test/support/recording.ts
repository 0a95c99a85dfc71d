// Records one operation through the daemon's SDK, under the environment that it is given, and prints the spans' records.
import { startDaemonSdk } from "../../src/telemetry/daemon-sdk.ts";
import { activeIds, Spans } from "../../src/telemetry/spans.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";

const finished: SpanRecord[] = [];
const spans = new Spans(startDaemonSdk("bangerd", (span) => finished.push(span), process.env));
await spans.operation("vm.start", {}, async (opId) => {
  await new Promise((resolve) => void setImmediate(resolve));
  await spans.span("step bridge", { attributes: { "banger.step": "bridge" } }, async () => {
    if (activeIds()?.opId !== opId) throw new Error("the operation was lost on the way");
  });
});
process.stdout.write(JSON.stringify(finished));
