/** A value that an attribute may have. */
export type AttributeValue = string | number | boolean;

/** What a span was for: OpenTelemetry's span kinds, as far as banger has them. */
export type SpanKindName = "internal" | "server" | "client";

/** Something that happened at one moment of a span. */
export interface SpanEvent {
  name: string;
  time_ns: string;
  attributes: Record<string, AttributeValue>;
}

/** One finished span, as it crosses the wire and lies in the store. Times are decimal Unix nanoseconds. */
export interface SpanRecord {
  trace_id: string;
  span_id: string;
  parent_span_id?: string | undefined;
  /** The process that it ran in: `banger`, `bangerd`, `bangerd-root`, `guest`. */
  service: string;
  /** That process's number; absent for a guest, and for a peer that doesn't say. */
  pid?: number | undefined;
  /** The version of banger's that it ran. */
  version?: string | undefined;
  name: string;
  kind: SpanKindName;
  start_ns: string;
  end_ns: string;
  status: "unset" | "ok" | "error";
  status_message?: string | undefined;
  attributes: Record<string, AttributeValue>;
  links: { trace_id: string; span_id: string }[];
  events?: SpanEvent[] | undefined;
}

/** Where finished spans go. */
export type SpanSink = (span: SpanRecord) => void;
