import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import { CollectorAnswers } from "./collector-answers.ts";
import { CountingExporter, type ExportCounts } from "./counting-exporter.ts";
import type { ExportSettings } from "./export-settings.ts";
import { readableSpan } from "./readable-span.ts";
import { createResources } from "./resources.ts";
import { hearSdk, passesLevel, type SdkListener } from "./sdk-words.ts";
import type { SpanSink } from "./span-record.ts";

/** Sends spans to a collector in the background; a dead one costs no command anything. */
export interface SpanExport {
  readonly sink: SpanSink;
  /** Where spans go and how many have gone, or why they go nowhere. */
  status(): ExportStatus;
  /** Sends what is queued, waiting no longer than `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** What is told of the export. */
export interface ExportStatus {
  /** Without user, password and query. */
  readonly endpoint: string | null;
  /** The variable that says that nothing is sent. */
  readonly off?: string;
  readonly counts: Readonly<ExportCounts>;
}

/** What exporting needs. */
export interface SpanExportDeps {
  readonly settings: ExportSettings;
  /** The service whose environment the settings are from: OTEL_SERVICE_NAME names this one. */
  readonly service: string;
  /** Which run of the host this is. */
  readonly bootId: string;
  /** Told that a collector refuses or is away, and that it takes spans again. */
  readonly complain: (error: unknown, text: string) => void;
  /** Gets what OpenTelemetry's packages say, where OTEL_LOG_LEVEL asks for it. */
  readonly say: (level: Parameters<SdkListener>[0], text: string) => void;
}

/** Exports by OTLP over HTTP, or nothing. */
export function startExport({ settings, service, bootId, complain, say }: SpanExportDeps): SpanExport {
  const counts: ExportCounts = { exported: 0, failed: 0, rejected: 0, dropped: 0 };
  if (settings.off !== undefined) {
    const { off } = settings;
    hearSdk(() => undefined);
    return { sink: () => undefined, status: () => ({ endpoint: null, off, counts }), close: () => Promise.resolve() };
  }
  const { target, tls, batch, limits, isSampled, logLevel, timeoutMs } = settings;
  const answers = new CollectorAnswers(target.url, tls);
  const exporter = new CountingExporter({
    exporter: otlpExporter(settings, answers),
    answers,
    counts,
    timeoutMs,
    complain,
  });
  const processor = new BatchSpanProcessor({
    exporter,
    scheduledDelayMillis: batch.delayMs,
    exportTimeoutMillis: batch.timeoutMs,
    maxQueueSize: batch.queue,
    maxExportBatchSize: batch.spans,
  } as never);
  hearSdk((level, text, ...facts) => {
    // What is counted, the packages only say.
    if (text.startsWith("Received Partial Success")) takePartialSuccess(exporter, facts[0]);
    counts.dropped += Number(/^Dropped (\d+) spans/.exec(text)?.[1] ?? 0);
    if (passesLevel(logLevel, level)) say(level, [text, ...facts.filter((fact) => typeof fact === "string")].join(" "));
  });
  const resourceOf = createResources({ given: settings.resource, own: service, ownName: settings.serviceName, bootId });
  return {
    sink: (record) => {
      if (isSampled(record.trace_id)) processor.onEnd(readableSpan(record, resourceOf(record), limits));
    },
    status: () => ({ endpoint: target.shown, counts }),
    close: async (limitMs) => {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, limitMs);
      });
      // What could not be sent was said and counted.
      const sent = processor.shutdown().catch(() => undefined);
      await Promise.race([sent, limit]).finally(() => clearTimeout(timer));
      answers.close();
    },
  };
}

/** An exporter with all that the environment says given to it: it reads none of that itself. */
function otlpExporter(settings: Extract<ExportSettings, { off?: undefined }>, answers: CollectorAnswers) {
  const options = {
    url: settings.target.url,
    headers: settings.headers,
    timeoutMillis: settings.timeoutMs,
    compression: (settings.gzip ? "gzip" : "none") as never,
    httpAgentOptions: () => answers.agent,
  };
  return settings.protocol === "http/protobuf" ? new ProtobufTraceExporter(options) : new OTLPTraceExporter(options);
}

function takePartialSuccess(exporter: CountingExporter, fact: unknown): void {
  const said = JSON.parse(String(fact)) as { rejectedSpans?: unknown; errorMessage?: unknown };
  const count = Number(said.rejectedSpans ?? 0);
  // With nothing rejected it is a warning of the collector's about what it took.
  if (count > 0) exporter.partlyRejected(count, typeof said.errorMessage === "string" ? said.errorMessage : "");
}
