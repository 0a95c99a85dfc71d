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
    summary: "Says that the daemon answers, and whether it reaches the helper.",
    params: z.object({}),
    result: z.object({ version: z.string(), pid: z.int(), helper: z.enum(["available", "unavailable"]) }),
    errors: [],
    traced: false,
  }),
  ...networkContract,
  ...kernelContract,
  ...imageContract,
  ...vmContract,
  ...traceContract,
};
