import { z } from "zod";
import type { ErrorCode } from "./errors.ts";

/** The event `step`: one step of a lifecycle operation began, ended or was undone. */
const stepEvent = z.object({
  step: z.string(),
  phase: z.enum(["started", "completed", "failed", "undone"]),
  /** Since the operation began. */
  elapsed_ms: z.number(),
});

/** What a client shows while it waits. */
export type StepEvent = z.output<typeof stepEvent>;

/** The codes of an operation of which a step failed: causes that a caller acts on by their own code, and `step_failed` for any other. */
export const stepCodes = [
  "step_failed",
  "helper_unavailable",
  "guest_died",
  "missing_tool",
  "no_space",
  "already_exists",
  "in_use",
] as const satisfies readonly ErrorCode[];
