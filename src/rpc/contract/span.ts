import { z } from "zod";

const nanoseconds = z.string().regex(/^\d{1,20}$/);
const spanId = z.string().regex(/^[0-9a-f]{16}$/);
const traceId = z.string().regex(/^[0-9a-f]{32}$/);
const attributes = z.record(z.string().max(128), z.union([z.string().max(1024), z.number(), z.boolean()]));

/** A finished span on the wire (`SpanRecord` of telemetry), bounded in everything that a peer may choose. */
export const span = z.object({
  trace_id: traceId,
  span_id: spanId,
  parent_span_id: spanId.optional(),
  service: z.string().max(64),
  pid: z.int().positive().optional(),
  version: z.string().max(64).optional(),
  name: z.string().max(128),
  kind: z.enum(["internal", "server", "client"]),
  start_ns: nanoseconds,
  end_ns: nanoseconds,
  status: z.enum(["unset", "ok", "error"]),
  status_message: z.string().max(500).optional(),
  attributes,
  links: z.array(z.object({ trace_id: traceId, span_id: spanId })).max(16),
  events: z
    .array(z.object({ name: z.string().max(128), time_ns: nanoseconds, attributes }))
    .max(128)
    .optional(),
});
