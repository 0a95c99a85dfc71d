import { type Tracer, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { AlwaysOnSampler } from "@opentelemetry/sdk-trace";
import type { SpanSink } from "./span-record.ts";
import { Collector, operationIds } from "./tracer.ts";

/** Makes the daemon's tracer through OpenTelemetry's Node SDK. It costs some 0.2 s at start, which CLI and helper don't pay. */
export function startDaemonSdk(service: string, sink: SpanSink): Tracer {
  new NodeSDK({
    serviceName: service,
    autoDetectResources: false,
    contextManager: new AsyncLocalStorageContextManager(),
    idGenerator: operationIds,
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new Collector(service, sink)],
    // Export is the daemon's own affair (export.ts): spans of other processes go the same way.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  }).start();
  return trace.getTracer("banger");
}
