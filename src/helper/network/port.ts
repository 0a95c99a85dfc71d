import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import type { Link, PortFlags } from "../netlink/links.ts";
import { ipv4Bytes, macBytes } from "./address.ts";
import { disableIpv6, mustBeOurs } from "./link.ts";

/** A guest reaches the bridge and no other guest, and sends only as the MAC that is pinned to its port. */
const portFlags: PortFlags = {
  isolated: true,
  learning: false,
  locked: true,
  unicastFlood: false,
  multicastFlood: false,
};

/** Puts a tap on the bridge, as the port of the guest with this address. */
export function putOnBridge(
  { links }: Pick<HelperDeps, "links">,
  { address, mac }: Pick<NonNullable<VmFacts["tap"]>, "address" | "mac">,
  tap: Link,
  bridge: Link,
): void {
  // Off the bridge it would have an address of its own.
  disableIpv6(tap.name);
  links.attach(tap, bridge, portFlags);
  links.pinPort(tap, macBytes(mac));
  links.pinNeighbour(bridge, ipv4Bytes(address), macBytes(mac));
}

/** Refuses to take the network away from VMs that have a tap, wherever that is: on the bridge, off it, or gone. */
export function mustHaveNoTaps({ facts }: Pick<HelperDeps, "facts">): void {
  const ids = facts.vms().flatMap(({ vm_id: vmId, tap }) => (tap === undefined ? [] : [vmId]));
  if (ids.length === 0) return;
  throw new BangerError("in_use", `${ids.length} VM(s) have a tap: ${ids.join(", ")}`, {
    details: { hint: "Stop them first; `banger reconcile` takes away what was left of those that don't run." },
  });
}

/** The taps of VMs that run and are down, or on no bridge, so that their guests reach nothing, or on another. */
export function detachedTaps(deps: Pick<HelperDeps, "facts" | "layout" | "links">, bridge: Link): string[] {
  return deps.facts.vms().flatMap(({ vm_id: vmId, tap: known }) => {
    const tap = known === undefined ? undefined : deps.links.find(deps.layout.tap(vmId));
    return tap === undefined || (tap.isUp && tap.master === bridge.index) ? [] : [tap.name];
  });
}

/** Puts the taps of VMs that run on a bridge that had to be made anew: whoever removed the old one left them on none. */
export function putAllOnBridge(deps: Pick<HelperDeps, "facts" | "layout" | "links">, bridge: Link): void {
  for (const { vm_id: vmId, tap: known } of deps.facts.vms()) {
    const tap = known === undefined ? undefined : deps.links.find(deps.layout.tap(vmId));
    if (known === undefined || tap === undefined) continue;
    mustBeOurs(tap, deps.layout.alias(vmId), true);
    putOnBridge(deps, known, tap, bridge);
    deps.links.setUp(tap);
  }
}
