import { formatIpv4, parseSubnet } from "../../installation/install-file.ts";
import { reverseZones } from "../../installation/zone.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import { ensureNamesLink, removeNamesLink } from "./names-link.ts";

/** Has the host's resolver ask the daemon for VMs' names, and nobody else. */
export async function setResolver(
  deps: HelperDeps,
  port: number,
): Promise<ResultOf<typeof helperContract.resolverSet>> {
  const { installation, resolved } = deps;
  if (!resolved.isThere) {
    await removeNamesLink(deps);
    return { routed: false };
  }
  const index = await ensureNamesLink(deps);
  const server = formatIpv4(parseSubnet(installation.subnet).first).split(".").map(Number);
  const zones = [installation.zone, ...reverseZones(installation.subnet)];
  const failed = await resolved.route({ index, server, port, zones });
  return failed === undefined ? { routed: true } : { routed: false, why: failed };
}

/** Makes sure that the host's resolver knows nothing of VMs' names. */
export function clearResolver(deps: HelperDeps): Promise<{ removed: boolean }> {
  return removeNamesLink(deps);
}
