import { z } from "zod";
import { imageContract } from "./image.ts";
import { kernelContract } from "./kernel.ts";
import { method } from "./method.ts";
import { networkContract } from "./network.ts";
import { traceContract } from "./trace.ts";
import { vmContract } from "./vm.ts";

/** Everything that the daemon answers. */
export const daemonContract = {
  ping: method({
    name: "daemon.ping",
    summary: "Says that the daemon answers, whether it reaches the helper, and how it runs guests.",
    params: z.object({}),
    result: z.object({
      version: z.string(),
      pid: z.int(),
      helper: z.enum(["available", "unavailable"]),
      helper_version: z.string().nullable().optional(),
      /** How guests' instructions are run on this host, and why so; null while the helper, which tries it, is away. */
      accelerator: z.object({ kind: z.enum(["kvm", "tcg"]), why: z.string() }).nullable(),
      /** Requests since the daemon started: those with a span, and polls, which have none. */
      requests: z.object({ traced: z.int(), polls: z.int() }),
    }),
    errors: [],
    traced: false,
  }),
  ...networkContract,
  ...kernelContract,
  ...imageContract,
  ...vmContract,
  ...traceContract,
};
