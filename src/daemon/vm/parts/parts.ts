import type { Capability } from "../../capability/capability.ts";
import { preparedParts, startedParts } from "../../capability/capability-parts.ts";
import { connection, type ConnectionDeps } from "./connection.ts";
import { boot, type GuestDeps, ready } from "./guest.ts";
import { initrd, type InitrdDeps } from "./initrd.ts";
import type { Part } from "./part.ts";
import { rootDisk, type RootDiskDeps } from "./root-disk.ts";
import { tap } from "./tap.ts";
import { vmm, type VmmDeps } from "./vmm.ts";

/** What the parts need. */
export type PartsDeps = InitrdDeps &
  RootDiskDeps &
  Parameters<typeof tap>[0] &
  VmmDeps &
  ConnectionDeps &
  GuestDeps & { readonly capabilities: readonly Capability[] };

/** What a running VM is made of, in the order in which a start acquires it; everything else releases in reverse. */
export function vmParts(deps: PartsDeps): readonly Part[] {
  return [
    initrd(deps),
    rootDisk(deps),
    tap(deps),
    ...preparedParts(deps.capabilities),
    vmm(deps),
    connection(deps),
    boot(deps),
    ready(deps),
    ...startedParts(deps.capabilities),
  ];
}
