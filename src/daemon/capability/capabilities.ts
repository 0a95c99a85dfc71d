import type { Capability } from "./capability.ts";
import { dns, type DnsDeps } from "./dns.ts";
import { fileSync, type FileSyncDeps } from "./file-sync.ts";
import { nat } from "./nat.ts";
import { volumes, type VolumesDeps } from "./volumes.ts";

/** What VMs get from the host beyond CPU, memory and root disk: a line each. */
export function vmCapabilities(
  deps: Parameters<typeof nat>[0] & DnsDeps & VolumesDeps & FileSyncDeps,
): readonly Capability[] {
  return [nat(deps), dns(deps), volumes(deps), fileSync(deps)];
}
