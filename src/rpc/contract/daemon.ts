import { z } from "zod";
import { beginnings } from "./beginnings.ts";
import { timestamp } from "./fields.ts";
import { guestContract } from "./guest.ts";
import { imageContract } from "./image.ts";
import { kernelContract } from "./kernel.ts";
import { method } from "./method.ts";
import { networkContract } from "./network.ts";
import { systemContract } from "./system.ts";
import { operationContract } from "./operation.ts";
import { traceContract } from "./trace.ts";
import { vmContract } from "./vm.ts";

/** What the daemon answers, each declared by itself. */
export const declaredContract = {
  ping: method({
    name: "daemon.ping",
    summary: "Says that the daemon answers, whether it reaches the helper, and how it runs guests.",
    params: z.object({}),
    result: z.object({
      version: z.string(),
      pid: z.int(),
      helper: z.enum(["available", "unavailable"]),
      /** Why it is unavailable. */
      helper_error: z.string().optional(),
      helper_version: z.string().nullable().optional(),
      /** How guests' instructions are run on this host, and why so; null while the helper, which tries it, is away. */
      accelerator: z.object({ kind: z.enum(["kvm", "tcg"]), why: z.string() }).nullable(),
      /** Requests since the daemon started: those with a span, and polls, which have none. */
      requests: z.object({ traced: z.int(), polls: z.int() }),
      /** Where traces are sent, by OpenTelemetry's variables in the daemon's environment, and how that goes. */
      telemetry: z
        .object({
          /** Without user, password and query; null where nothing is sent. */
          endpoint: z.string().nullable(),
          /** Why nothing is sent. */
          off: z.string().optional(),
          /** Spans since the daemon started: that a collector took, */
          exported: z.int(),
          /** that could not be sent or were refused, */
          failed: z.int(),
          /** that it rejected of a batch which it took, */
          rejected: z.int(),
          /** and that found no room to wait. */
          dropped: z.int(),
          /** The last failure, with the collector's answer. */
          last_error: z.object({ at: timestamp, text: z.string() }).nullable(),
        })
        .optional(),
    }),
    errors: [],
    traced: false,
  }),
  ...networkContract,
  ...kernelContract,
  ...imageContract,
  ...vmContract,
  ...guestContract,
  ...operationContract,
  ...traceContract,
  ...systemContract,
};

/** Everything that the daemon answers. */
export const daemonContract = { ...declaredContract, ...beginnings(declaredContract) };
