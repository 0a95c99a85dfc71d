import { z } from "zod";

/** Something that will trouble the caller although the operation was done. */
export const warning = z.object({
  /** What a script may look for: `forward_dropped`, `no_resolver`. */
  code: z.string(),
  message: z.string(),
  /** The next step, for a person. */
  hint: z.string(),
});

/** A warning as the wire has it. */
export type Warning = z.output<typeof warning>;
