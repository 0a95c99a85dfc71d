import { z } from "zod";
import { ipv4 } from "./fields.ts";
import { method } from "./method.ts";
import { stepCodes } from "./step.ts";
import { warning } from "./warning.ts";

const network = z.object({
  bridge: z.string(),
  address: z.string(),
  table: z.string(),
  /** The name server of VMs' names; an older daemon has none. */
  names: z
    .object({
      /** What names end with: `vm`. */
      zone: z.string(),
      server: ipv4,
      /** Null where the daemon can't listen. */
      port: z.int().nullable(),
      /** Whether this host's programs ask it. */
      routed: z.boolean(),
    })
    .optional(),
  warnings: z.array(warning).optional(),
});

/** The methods on the host's side of the guests' network. */
export const networkContract = {
  networkUp: method({
    name: "network.up",
    summary: "Makes the bridge, NAT and the names of VMs; `vm start` does it by itself.",
    params: z.object({}),
    result: network,
    errors: [...stepCodes],
  }),
  networkDown: method({
    name: "network.down",
    summary: "Removes the bridge, NAT and the names of VMs; refused while a VM is on it.",
    params: z.object({}),
    result: z.object({
      removed: z.boolean(),
      /** The chain of somebody else's for which net.ipv4.ip_forward was left at 1. */
      forwarding_left_for: z.string().optional(),
    }),
    errors: ["helper_unavailable", "in_use", "already_exists", "command_failed", "missing_tool"],
  }),
};
