import { z } from "zod";
import { amount, operation as reference, timestamp } from "./fields.ts";
import { method } from "./method.ts";

/** How far an operation is, or how it came out. `interrupted`: the daemon or the host ended before it did. */
const operationState = z.enum(["running", "ok", "failed", "cancelled", "interrupted"]);

/** What one operation is and how it came out, in a line. */
const operationSummary = z.object({
  op_id: z.string(),
  /** What was asked for: `vm.create`. */
  method: z.string(),
  state: operationState,
  /** The VM that it is about: its name, or where there is none of it any more its id. */
  vm: z.string().optional(),
  /** The uid and the process that asked; nobody did when the daemon began it by itself. */
  caller_uid: z.int().optional(),
  caller_pid: z.int().optional(),
  begun_at: timestamp,
  /** Null while it runs. */
  ended_at: timestamp.nullable(),
  took_ms: z.number(),
});

/** One step of an operation. */
const operationStep = z.object({
  step: z.string(),
  phase: z.enum(["started", "completed", "failed", "undone"]),
  /** Since the operation began. */
  began_ms: z.number(),
  /** Null while it is under way. */
  took_ms: z.number().nullable(),
});

/** One operation: how far it is, and once it has ended, what came of it. */
export const operation = operationSummary.extend({
  /** True from its cancellation on, while what it began is undone. */
  cancelling: z.boolean().optional(),
  steps: z.array(operationStep),
  /** What it last said of its progress. */
  progress: z.string().nullable(),
  /** The number of the next event: whoever waits from here on misses none. */
  next: z.int(),
  /** Of one that was interrupted, what the next daemon found; absent until it has looked, and where that can't be told. */
  found: z.enum(["undone", "finished", "goes_on"]).optional(),
  /** What its method answers. */
  result: z.unknown().optional(),
  /** Why it has no result. */
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});

/** An operation as the wire has it. */
export type OperationStatus = z.output<typeof operation>;
/** An operation as a list has it. */
export type OperationSummary = z.output<typeof operationSummary>;
/** A step as the wire has it. */
export type OperationStep = z.output<typeof operationStep>;

/** What names one operation. */
export const one = z.object({
  op_id: reference.describe("an op_id, at least 4 digits of one, or `last`: the last that you began"),
});
/** The codes of a reference that names no operation, or several. */
export const byReference = ["not_found", "ambiguous"] as const;

/** The methods on operations, whatever they do. They are polls: they open no spans, and are sent under the op_id that they ask about. */
export const operationContract = {
  operationList: method({
    name: "operation.list",
    summary: "Lists the last operations that changed something, newest first.",
    params: z.object({ limit: amount(1, 200).default(20).describe("how many") }),
    result: z.object({ operations: z.array(operationSummary) }),
    errors: [],
    traced: false,
  }),
  operationStatus: method({
    name: "operation.status",
    summary: "Shows one operation: its steps, and what came of it.",
    params: one,
    result: operation,
    errors: [...byReference],
    traced: false,
  }),
  operationWait: method({
    name: "operation.wait",
    summary: "Follows an operation until it has ended, and gives what it came to. Leaving ends only the waiting.",
    params: one.extend({
      from: amount(0, 1_000_000_000).default(0).describe("the number of the first event that is told; all by default"),
    }),
    result: operation,
    errors: [...byReference],
    traced: false,
  }),
  operationCancel: method({
    name: "operation.cancel",
    summary: "Cancels an operation: it answers at once, what was begun is then undone.",
    params: one,
    result: operation,
    errors: [...byReference, "wrong_state"],
    traced: false,
  }),
};
