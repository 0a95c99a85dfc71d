import type { AttributeValue, SpanEvent, SpanKindName, SpanRecord } from "./span-record.ts";

const kinds: Record<SpanKindName, number> = { internal: 1, server: 2, client: 3 };
const statuses = { unset: 0, ok: 1, error: 2 } as const;

/** A trace as OTLP JSON (`ExportTraceServiceRequest`), one resource for each process. */
export function toOtlp(spans: readonly SpanRecord[]) {
  return {
    resourceSpans: [...Map.groupBy(spans, processOf).values()].map((own) => ({
      resource: { attributes: otlpAttributes(resourceOf(own[0])) },
      scopeSpans: [{ scope: { name: "banger" }, spans: own.map(otlpSpan) }],
    })),
  };
}

function processOf({ service, pid, version }: SpanRecord): string {
  return `${service} ${pid} ${version}`;
}

function resourceOf(span: SpanRecord | undefined): SpanRecord["attributes"] {
  return {
    "service.name": span?.service ?? "",
    ...(span?.version === undefined ? {} : { "service.version": span.version }),
    ...(span?.pid === undefined ? {} : { "process.pid": span.pid }),
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
    attributes: otlpAttributes(span.attributes),
    links: span.links.map((link) => ({ traceId: link.trace_id, spanId: link.span_id })),
    ...(span.events === undefined ? {} : { events: span.events.map(otlpEvent) }),
    status: {
      code: statuses[span.status],
      ...(span.status_message === undefined ? {} : { message: span.status_message }),
    },
  };
}

function otlpEvent({ name, time_ns, attributes }: SpanEvent) {
  return { timeUnixNano: time_ns, name, attributes: otlpAttributes(attributes) };
}

function otlpAttributes(attributes: SpanRecord["attributes"]) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: otlpValue(value) }));
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
