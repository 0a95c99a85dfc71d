import { z } from "zod";
import { method } from "./method.ts";

/** A value as the config file has it: a size is `4G`, a time `2h`, labels are a table, files a list; null where nothing is set. */
const value = z
  .union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.record(z.string(), z.string())])
  .nullable();

/** The methods on the owner's config file. */
export const configContract = {
  configShow: method({
    name: "config.show",
    summary: "Shows what VMs are made with when nobody says otherwise, and where each value comes from.",
    params: z.object({}),
    result: z.object({
      /** The owner's config file, whether there is one or not; null where the owner has no home. */
      path: z.string().nullable(),
      /** Whether there is such a file. */
      present: z.boolean(),
      keys: z.array(
        z.object({
          /** As `defaults.cpus`. */
          key: z.string(),
          value,
          /** The line of the file; null for what is built in. */
          line: z.int().nullable(),
          /** What it is for. */
          summary: z.string(),
          /** Why no VM can be made with it: what it names isn't there. */
          lacks: z.string().optional(),
        }),
      ),
    }),
    errors: ["bad_config"],
    traced: false,
  }),
};
