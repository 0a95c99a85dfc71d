import { z } from "zod";
import { amount, operation, timestamp } from "./fields.ts";
import { method } from "./method.ts";
import { span } from "./span.ts";

/** One operation that the daemon remembers. */
const operationSummary = z.object({
  op_id: z.string(),
  /** The outermost span's name: a command, or a method when no CLI was there. */
  name: z.string(),
  started_at: timestamp,
  duration_ms: z.number(),
  status: z.enum(["ok", "error", "running"]),
  spans: z.int(),
});

/** The methods on traces. */
export const traceContract = {
  traceList: method({
    name: "trace.list",
    summary: "Lists the last operations, newest first.",
    params: z.object({ limit: amount(1, 200).default(20).describe("how many") }),
    result: z.object({ operations: z.array(operationSummary) }),
    errors: [],
    traced: false,
  }),
  traceShow: method({
    name: "trace.show",
    summary: "Shows one operation's spans as a waterfall.",
    params: z.object({ operation: operation.describe("an op_id, at least 4 digits of one, or `last`") }),
    result: z.object({
      op_id: z.string(),
      /** The uid and the process that asked, as the kernel saw them at connect. */
      caller_uid: z.int().optional(),
      caller_pid: z.int().optional(),
      /** What came of it, and why; absent where an operation has no record beyond its spans. */
      outcome: z.string().optional(),
      error: z.string().optional(),
      spans: z.array(span),
    }),
    errors: ["not_found", "ambiguous"],
    traced: false,
  }),
  traceSubmit: method({
    name: "trace.submit",
    summary:
      "Hands over the caller's own finished spans and what it logged, of operations that it asked for on this connection, or that no daemon knows.",
    params: z.object({
      spans: z.array(z.unknown()).max(256),
      /** Log records (docs/reference/logs.md). */
      records: z.array(z.unknown()).max(16).optional(),
    }),
    result: z.object({ accepted: z.int() }),
    errors: [],
    traced: false,
  }),
};
