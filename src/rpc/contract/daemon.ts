import { z } from "zod";
import { beginnings } from "./beginnings.ts";
import { configContract } from "./config.ts";
import { timestamp } from "./fields.ts";
import { guestContract } from "./guest.ts";
import { imageContract } from "./image.ts";
import { kernelContract } from "./kernel.ts";
import { method } from "./method.ts";
import { networkContract } from "./network.ts";
import { statsContract } from "./stats.ts";
import { systemContract } from "./system.ts";
import { operationContract } from "./operation.ts";
import { traceContract } from "./trace.ts";
import { vmContract } from "./vm-methods.ts";
import { vmmContract } from "./vmm.ts";
import { accelKind } from "./vmm-kind.ts";
import { volumeContract } from "./volume.ts";

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
      /** The next step then, where it isn't to start it. */
      helper_hint: z.string().optional(),
      helper_version: z.string().nullable().optional(),
      /** How guests' instructions are run on this host, and why so; null while the helper, which tries it, is away. */
      accelerator: z.object({ kind: accelKind, why: z.string() }).nullable(),
      /** Only of a database that isn't the one that this state was last used with, while there are directories of which it has no record. */
      database: z.object({ database: z.enum(["new", "older"]), unowned: z.int() }).optional(),
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
      /** Log records since the daemon started that were dropped. */
      logs: z
        .object({
          dropped: z.object({
            /** By the log that `banger logs` reads, where its file system was full or failed, */
            kept: z.int(),
            /** by the daemon's own output or the journal, where that stood still, */
            output: z.int(),
            /** of the helper's, that found no room in its answers, */
            helper: z.int(),
            /** and on their way to a collector. */
            collector: z.int(),
          }),
          /** How many of `kept` are newer than all that is in that log, which doesn't say so yet. */
          untold: z.int(),
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
  ...vmmContract,
  ...statsContract,
  ...volumeContract,
  ...guestContract,
  ...operationContract,
  ...traceContract,
  ...configContract,
  ...systemContract,
};

/** Everything that the daemon answers. */
export const daemonContract = { ...declaredContract, ...beginnings(declaredContract) };
