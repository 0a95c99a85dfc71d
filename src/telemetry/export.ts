import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { detectResources, envDetector, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace";
import { readableSpan } from "./readable-span.ts";
import type { SpanSink } from "./span-record.ts";
import { exportEndpoint, exportedLength, exportProtocol, exportSampler } from "./switches.ts";

/** Sends spans to a collector in the background; a dead one costs no command anything. */
export interface SpanExport {
  readonly sink: SpanSink;
  /** Sends what is queued, waiting no longer than `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** What exporting needs. */
export interface SpanExportDeps {
  readonly env: NodeJS.ProcessEnv;
  /** The service whose environment `env` is: OTEL_SERVICE_NAME names this one. */
  readonly service: string;
  /** Told why nothing is exported, or that a collector refuses. */
  readonly complain: (error: unknown, text: string) => void;
}

/** A collector that goes on failing is written down again after this. */
const complainAgainMs = 10 * 60_000;

/** Exports by OTLP over HTTP where OpenTelemetry's variables name an endpoint, else nothing. */
export function startExport({ env, service, complain }: SpanExportDeps): SpanExport | undefined {
  try {
    if (exportEndpoint(env, "TRACES") === undefined) return undefined;
    const isSampled = exportSampler(env);
    const resourceOf = resources(env, service);
    const maxLength = exportedLength(env);
    const exporter =
      exportProtocol(env) === "http/protobuf"
        ? new ProtobufTraceExporter({ timeoutMillis: 5_000 })
        : new OTLPTraceExporter({ timeoutMillis: 5_000 });
    const processor = new BatchSpanProcessor({
      exporter: sayingFailures(exporter, complain),
      scheduledDelayMillis: 500,
    } as never);
    return {
      sink: (record) => {
        if (isSampled(record.trace_id)) processor.onEnd(readableSpan(record, resourceOf(record.service), maxLength));
      },
      close: async (timeoutMs) => {
        let timer: NodeJS.Timeout | undefined;
        const limit = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, timeoutMs);
        });
        await Promise.race([processor.shutdown(), limit]).finally(() => clearTimeout(timer));
      },
    };
  } catch (error) {
    complain(error, "traces are not exported");
    return undefined;
  }
}

/** The resource of each service: what the environment says of all, and the name that it gives to its own. */
function resources(env: NodeJS.ProcessEnv, own: string): (service: string) => Resource {
  const given = detectResources({ detectors: [envDetector] });
  const made = new Map<string, Resource>();
  return (service) => {
    const known = made.get(service);
    if (known !== undefined) return known;
    const name = resourceFromAttributes({ "service.name": service });
    const resource = service === own && givesName(env) ? name.merge(given) : given.merge(name);
    made.set(service, resource);
    return resource;
  };
}

function givesName(env: NodeJS.ProcessEnv): boolean {
  return (
    Boolean(env["OTEL_SERVICE_NAME"]?.trim()) || /(^|,)\s*service\.name\s*=/.test(env["OTEL_RESOURCE_ATTRIBUTES"] ?? "")
  );
}

/** An exporter whose failures are said: the first, then now and then, and that it works again. */
function sayingFailures(exporter: SpanExporter, complain: SpanExportDeps["complain"]): SpanExporter {
  let failures = 0;
  let saidAt = Number.NEGATIVE_INFINITY;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error === undefined) {
          if (failures > 0) complain(undefined, `traces are exported again, after ${failures} failures`);
          failures = 0;
          saidAt = Number.NEGATIVE_INFINITY;
        } else if (failures++ === 0 || performance.now() - saidAt > complainAgainMs) {
          saidAt = performance.now();
          complain(result.error, "traces could not be exported");
        }
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}
