import type { AttributeValue, SpanKindName, SpanRecord } from "./span-record.ts";

const kinds: Record<SpanKindName, number> = { internal: 1, server: 2, client: 3 };
const statuses = { unset: 0, ok: 1, error: 2 } as const;

/** A trace as OTLP JSON (`ExportTraceServiceRequest`), one resource for each process. */
export function toOtlp(spans: readonly SpanRecord[]) {
  return {
    resourceSpans: [...Map.groupBy(spans, (span) => span.service)].map(([service, own]) => ({
      resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
      scopeSpans: [{ scope: { name: "banger" }, spans: own.map(otlpSpan) }],
    })),
  };
}

function otlpSpan(span: SpanRecord) {
  return {
    traceId: span.trace_id,
    spanId: span.span_id,
    ...(span.parent_span_id === undefined ? {} : { parentSpanId: span.parent_span_id }),
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: span.start_ns,
    endTimeUnixNano: span.end_ns,
    attributes: Object.entries(span.attributes).map(([key, value]) => ({ key, value: otlpValue(value) })),
    links: span.links.map((link) => ({ traceId: link.trace_id, spanId: link.span_id })),
    status: {
      code: statuses[span.status],
      ...(span.status_message === undefined ? {} : { message: span.status_message }),
    },
  };
}

function otlpValue(value: AttributeValue) {
  switch (typeof value) {
    case "string":
      return { stringValue: value };
    case "boolean":
      return { boolValue: value };
    default:
      return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
}
