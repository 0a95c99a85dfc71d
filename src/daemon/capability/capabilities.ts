import type { Capability } from "./capability.ts";
import { dns } from "./dns.ts";
import { nat } from "./nat.ts";

/** What VMs get from the host beyond CPU, memory and root disk: a line each. */
export function vmCapabilities(deps: Parameters<typeof nat>[0] & Parameters<typeof dns>[0]): readonly Capability[] {
  return [nat(deps), dns(deps)];
}
