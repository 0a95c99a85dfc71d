import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { SpanRecord } from "./span-record.ts";

/** What is cut from spans before they are sent. */
export interface SpanLimits {
  /** Of a value that is text. */
  readonly valueLength: number;
  readonly attributes: number;
  readonly links: number;
  readonly events: number;
  /** Of an event. */
  readonly eventAttributes: number;
}

/** A record as exporters take spans, with the resource of its service; what is beyond the limits is cut, and counted. */
export function readableSpan(record: SpanRecord, resource: Resource, limits: SpanLimits): ReadableSpan {
  const events = record.events ?? [];
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
    attributes: cut(record.attributes, limits.attributes, limits),
    links: record.links.slice(0, limits.links).map((link) => ({ context: spanContext(link.span_id, link.trace_id) })),
    events: events.slice(0, limits.events).map((event) => ({
      name: event.name,
      time: hrTime(event.time_ns),
      attributes: cut(event.attributes, limits.eventAttributes, limits),
      droppedAttributesCount: Math.max(0, Object.keys(event.attributes).length - limits.eventAttributes),
    })),
    duration: hrTime(String(BigInt(record.end_ns) - BigInt(record.start_ns))),
    ended: true,
    resource,
    instrumentationScope: { name: "banger" },
    droppedAttributesCount: Math.max(0, Object.keys(record.attributes).length - limits.attributes),
    droppedEventsCount: Math.max(0, events.length - limits.events),
    droppedLinksCount: Math.max(0, record.links.length - limits.links),
  };
}

function cut(
  attributes: SpanRecord["attributes"],
  most: number,
  { valueLength }: SpanLimits,
): SpanRecord["attributes"] {
  const kept = Object.entries(attributes).slice(0, most);
  return Object.fromEntries(
    kept.map(([key, value]) => [key, typeof value === "string" ? value.slice(0, valueLength) : value]),
  );
}

function hrTime(ns: string): [number, number] {
  const value = BigInt(ns);
  return [Number(value / 1_000_000_000n), Number(value % 1_000_000_000n)];
}
