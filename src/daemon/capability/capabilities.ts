import type { Capability } from "./capability.ts";

/** What VMs get from the host beyond CPU, memory and root disk: a line each. */
export function vmCapabilities(): readonly Capability[] {
  return [];
}
