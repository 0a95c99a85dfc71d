import type { AttributeValue, SpanRecord } from "../../src/telemetry/span-record.ts";

/** Resource and spans as OTLP has them in JSON, in the spellings that programs answer. */
export interface ResourceSpans {
  readonly resource: { readonly attributes: readonly KeyValue[] };
  readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
}

interface KeyValue {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string | number;
    readonly doubleValue?: number;
    readonly boolValue?: boolean;
  };
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number | string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events?: readonly {
    readonly name: string;
    readonly timeUnixNano: string;
    readonly attributes?: readonly KeyValue[];
  }[];
  readonly status?: { readonly code?: number | string; readonly message?: string };
}

const kinds = new Map<number | string, SpanRecord["kind"]>([
  [1, "internal"],
  [2, "server"],
  [3, "client"],
  ["SPAN_KIND_INTERNAL", "internal"],
  ["SPAN_KIND_SERVER", "server"],
  ["SPAN_KIND_CLIENT", "client"],
]);
const statuses = new Map<number | string | undefined, SpanRecord["status"]>([
  [1, "ok"],
  [2, "error"],
  ["STATUS_CODE_OK", "ok"],
  ["STATUS_CODE_ERROR", "error"],
]);

/** Spans as banger records them, from what a collector took or a backend answers. */
export function spansFromOtlp(all: readonly ResourceSpans[]): SpanRecord[] {
  return all.flatMap(({ resource, scopeSpans }) => {
    const of = attributesOf(resource.attributes);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => recordOf(span, of)));
  });
}

/** What the resource of each service says; of several processes of one service, the last. */
export function resourcesOf(all: readonly ResourceSpans[]): Record<string, Record<string, AttributeValue>> {
  const resources = all.map(({ resource }) => attributesOf(resource.attributes));
  return Object.fromEntries(resources.map((resource) => [String(resource["service.name"]), resource]));
}

function recordOf(span: OtlpSpan, of: Record<string, AttributeValue>): SpanRecord {
  const { "process.pid": pid, "service.version": version } = of;
  return {
    trace_id: span.traceId,
    span_id: span.spanId,
    ...((span.parentSpanId ?? "") === "" ? {} : { parent_span_id: span.parentSpanId }),
    service: String(of["service.name"]),
    ...(typeof pid === "number" ? { pid } : {}),
    ...(typeof version === "string" ? { version } : {}),
    name: span.name,
    kind: kinds.get(span.kind) ?? "internal",
    start_ns: span.startTimeUnixNano,
    end_ns: span.endTimeUnixNano,
    status: statuses.get(span.status?.code) ?? "unset",
    ...((span.status?.message ?? "") === "" ? {} : { status_message: span.status?.message }),
    attributes: attributesOf(span.attributes ?? []),
    links: (span.links ?? []).map((link) => ({ trace_id: link.traceId, span_id: link.spanId })),
    ...((span.events ?? []).length === 0
      ? {}
      : {
          events: (span.events ?? []).map((event) => ({
            name: event.name,
            time_ns: event.timeUnixNano,
            attributes: attributesOf(event.attributes ?? []),
          })),
        }),
  };
}

function attributesOf(pairs: readonly KeyValue[]): Record<string, AttributeValue> {
  return Object.fromEntries(
    pairs.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? boolValue ?? "",
    ]),
  );
}
