/** A value that an attribute may have. */
export type AttributeValue = string | number | boolean;

/** What a span was for: OpenTelemetry's span kinds, as far as banger has them. */
export type SpanKindName = "internal" | "server" | "client";

/** One finished span, as it crosses the wire and lies in the store. Times are decimal Unix nanoseconds. */
export interface SpanRecord {
  trace_id: string;
  span_id: string;
  parent_span_id?: string | undefined;
  /** The process that it ran in: `banger`, `bangerd`, `bangerd-root`, `guest`. */
  service: string;
  name: string;
  kind: SpanKindName;
  start_ns: string;
  end_ns: string;
  status: "unset" | "ok" | "error";
  status_message?: string | undefined;
  attributes: Record<string, AttributeValue>;
  links: { trace_id: string; span_id: string }[];
}

/** Where finished spans go. */
export type SpanSink = (span: SpanRecord) => void;
