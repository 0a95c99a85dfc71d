import { z } from "zod";
import { method } from "./method.ts";
import { stepCodes } from "./step.ts";
import { warning } from "./warning.ts";

const network = z.object({
  bridge: z.string(),
  address: z.string(),
  table: z.string(),
  warnings: z.array(warning).optional(),
});

/** The methods on the host's side of the guests' network. */
export const networkContract = {
  networkUp: method({
    name: "network.up",
    summary: "Makes the bridge and NAT; `vm start` does it by itself.",
    params: z.object({}),
    result: network,
    errors: [...stepCodes],
  }),
  networkDown: method({
    name: "network.down",
    summary: "Removes the bridge and NAT; refused while a VM is on it.",
    params: z.object({}),
    result: z.object({ removed: z.boolean() }),
    errors: ["helper_unavailable", "in_use", "already_exists", "command_failed", "missing_tool"],
  }),
};
