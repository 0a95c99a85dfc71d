import { type Tracer, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { AlwaysOnSampler } from "@opentelemetry/sdk-trace";
import type { SpanSink } from "./span-record.ts";
import { isSet } from "./environment.ts";
import { Collector, operationIds, recordLimits, startTracer } from "./tracer.ts";

/**
 * Makes the daemon's tracer through OpenTelemetry's Node SDK. It costs some 0.2 s at start, which CLI and helper don't pay. Its
 * switches in the environment govern what is exported; what is recorded here they don't change, so each is given, or left out.
 */
export function startDaemonSdk(service: string, sink: SpanSink, env: NodeJS.ProcessEnv, version?: string): Tracer {
  if (isSet(env, "OTEL_SDK_DISABLED")) return startTracer(service, sink, version);
  // The SDK would print what it says where the log's lines go; sdk-words.ts has it logged.
  delete process.env["OTEL_LOG_LEVEL"];
  new NodeSDK({
    serviceName: service,
    autoDetectResources: false,
    contextManager: new AsyncLocalStorageContextManager(),
    idGenerator: operationIds,
    sampler: new AlwaysOnSampler(),
    spanLimits: recordLimits,
    spanProcessors: [new Collector({ service, version }, sink)],
    // Export is the daemon's own affair (export.ts): spans of other processes go the same way.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
    textMapPropagator: null,
  }).start();
  return trace.getTracer("banger");
}
