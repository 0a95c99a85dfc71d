import { z } from "zod";

/** Something that was found to be wrong, or about to be: of a check before a start, or of `doctor`. */
export const finding = z.object({
  /** What a script may look for: `vhost_vsock_missing`. */
  code: z.string(),
  /** `error`: a VM that needs it can't start, or doesn't work. `warning`: it will trouble somebody. */
  level: z.enum(["error", "warning"]),
  message: z.string(),
  /** The next step, for a person. */
  hint: z.string(),
});

/** A finding as the wire has it. */
export type Finding = z.output<typeof finding>;
