import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace";
import type { SpanRecord, SpanSink } from "./span-record.ts";

/** Sends spans to a collector in the background; a dead one costs no command anything. */
export interface SpanExport {
  readonly sink: SpanSink;
  /** Sends what is queued, waiting no longer than `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** Exports by OTLP over HTTP when `OTEL_EXPORTER_OTLP_ENDPOINT` (or its traces variant) is set, else nothing. */
export function startExport(env: NodeJS.ProcessEnv): SpanExport | undefined {
  if (!env["OTEL_EXPORTER_OTLP_ENDPOINT"] && !env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) return undefined;
  const processor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({ timeoutMillis: 5_000 }),
    scheduledDelayMillis: 500,
  } as never);
  return {
    sink: (record) => processor.onEnd(readable(record)),
    close: async (timeoutMs) => {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([processor.shutdown(), limit]).finally(() => clearTimeout(timer));
    },
  };
}

function readable(record: SpanRecord): ReadableSpan {
  const startTime = hrTime(record.start_ns);
  const endTime = hrTime(record.end_ns);
  const spanContext = (spanId: string, traceId = record.trace_id) => ({ traceId, spanId, traceFlags: 1 });
  return {
    name: record.name,
    kind: { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT }[record.kind],
    spanContext: () => spanContext(record.span_id),
    ...(record.parent_span_id === undefined ? {} : { parentSpanContext: spanContext(record.parent_span_id) }),
    startTime,
    endTime,
    status: {
      code: { unset: SpanStatusCode.UNSET, ok: SpanStatusCode.OK, error: SpanStatusCode.ERROR }[record.status],
      ...(record.status_message === undefined ? {} : { message: record.status_message }),
    },
    attributes: record.attributes,
    links: record.links.map((link) => ({ context: spanContext(link.span_id, link.trace_id) })),
    events: [],
    duration: hrTime(String(BigInt(record.end_ns) - BigInt(record.start_ns))),
    ended: true,
    resource: resourceFromAttributes({ "service.name": record.service }),
    instrumentationScope: { name: "banger" },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function hrTime(ns: string): [number, number] {
  const value = BigInt(ns);
  return [Number(value / 1_000_000_000n), Number(value % 1_000_000_000n)];
}
