import { z } from "zod";
import { finding } from "./finding.ts";
import { method } from "./method.ts";

/** The methods on the installation as a whole. */
export const systemContract = {
  systemDoctor: method({
    name: "system.doctor",
    summary: "Looks at everything that VMs need of this host, and says what to do about what is wrong.",
    params: z.object({
      fix: z.boolean().default(false).describe("put right what can be without a risk, and say what was done"),
    }),
    result: z.object({
      /** Each check, with what it found; nothing when all is well. */
      checks: z.array(z.object({ name: z.string(), findings: z.array(finding) })),
      /** What was put right, a line each. */
      done: z.array(z.string()),
    }),
    errors: [],
  }),
};
