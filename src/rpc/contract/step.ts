import { z } from "zod";

/** The event `step`: one step of a lifecycle operation began, ended or was undone. */
const stepEvent = z.object({
  step: z.string(),
  phase: z.enum(["started", "completed", "failed", "undone"]),
  /** Since the operation began. */
  elapsed_ms: z.number(),
});

/** What a client shows while it waits. */
export type StepEvent = z.output<typeof stepEvent>;
