import { formatIpv4, parseSubnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { Link } from "../netlink/links.ts";
import { undoneFor } from "../undo.ts";
import { ipv4Bytes } from "./address.ts";
import { leadsElsewhere, mustBeFree, shadowedRoutes, taken } from "./collisions.ts";
import { inKernel } from "./in-kernel.ts";
import { answerOwnSubnet, disableIpv6, mustBeOurs } from "./link.ts";
import { detachedTaps, mustHaveNoTaps, putAllOnBridge } from "./port.ts";

/** Makes the bridge, or finds it as it should be; with `taps` those of VMs that run too, each of which is looked at. */
export async function ensureBridge(
  deps: HelperDeps,
  { taps = false }: ParamsOf<typeof helperContract.bridgeEnsure>,
): Promise<ResultOf<typeof helperContract.bridgeEnsure>> {
  const { facts, installation, layout, links, spans } = deps;
  const { first, prefix } = parseSubnet(installation.subnet);
  const { bridge } = layout;
  const answer = { bridge, address: `${formatIpv4(first)}/${prefix}` };
  const { found, complete } = await inKernel(spans, "bridge find", { link: bridge }, () => {
    const link = links.find(bridge);
    return {
      found: link,
      complete: link !== undefined && isComplete(deps, link) && !(taps && detachedTaps(deps, link).length > 0),
    };
  });
  if (found !== undefined) mustBeOurs(found, layout.alias(), facts.network.bridge === true);
  if (found !== undefined && complete) {
    const elsewhere = await inKernel(spans, "route find", { link: bridge }, () => leadsElsewhere(deps, found));
    return { ...answer, created: false, ...(elsewhere === undefined ? {} : { leads_elsewhere: elsewhere }) };
  }
  await inKernel(spans, "collisions find", { link: bridge }, () => mustBeFree(deps));
  facts.putNetwork({ ...facts.network, bridge: true });
  try {
    await inKernel(spans, "bridge make", { link: bridge }, () => {
      if (found === undefined) links.createBridge(bridge, bridgeMac(installation.id));
      const link = links.find(bridge);
      if (link === undefined) throw new BangerError("command_failed", `bridge ${bridge} is gone as soon as it is made`);
      links.setAlias(link, layout.alias());
      // Guests have IPv4 only; the bridge itself would answer them on its link-local address.
      disableIpv6(bridge);
      answerOwnSubnet(bridge);
      links.addAddress(link, ipv4Bytes(first), prefix);
      links.setUp(link);
      putAllOnBridge(deps, link);
      const elsewhere = leadsElsewhere(deps, link);
      if (elsewhere !== undefined) throw taken(`subnet ${installation.subnet} is in use: ${elsewhere}`);
    });
  } catch (error) {
    return found === undefined ? undoneFor(error, () => deleteBridge(deps)) : Promise.reject(error as Error);
  }
  const shadows = await inKernel(spans, "routes find", { link: bridge }, () => shadowedRoutes(deps));
  return { ...answer, created: found === undefined, shadows };
}

/** The same for each bridge of an installation: locally administered, and none of a guest's, which begin with 02. */
function bridgeMac(id: string): Buffer {
  return Buffer.from(`0600${id}`, "hex");
}

/** True for a bridge at which nothing is left to do; the alias and the address come before it is set up. */
export function isComplete({ installation, layout, links }: HelperDeps, link: Link): boolean {
  const { first, prefix } = parseSubnet(installation.subnet);
  return link.alias === layout.alias() && link.isUp && links.hasAddress(link, ipv4Bytes(first), prefix);
}

/** Removes the bridge, unless a VM has a tap, or anything else is on it. */
export async function removeBridge(deps: HelperDeps): Promise<{ removed: boolean }> {
  const { facts, layout, links, spans } = deps;
  mustHaveNoTaps(deps);
  const all = await inKernel(spans, "bridge find", { link: layout.bridge }, () => links.list());
  const found = all.find((link) => link.name === layout.bridge);
  if (found === undefined) {
    facts.putNetwork({ ...facts.network, bridge: false });
    return { removed: false };
  }
  mustBeOurs(found, layout.alias(), facts.network.bridge === true);
  const ports = all.filter((link) => link.master === found.index).map((link) => link.name);
  if (ports.length > 0) {
    throw new BangerError("in_use", `bridge ${layout.bridge} has ${ports.length} link(s) on it: ${ports.join(", ")}`);
  }
  await deleteBridge(deps);
  return { removed: true };
}

async function deleteBridge({ facts, layout, links, spans }: HelperDeps): Promise<void> {
  await inKernel(spans, "bridge remove", { link: layout.bridge }, () => {
    const link = links.find(layout.bridge);
    if (link !== undefined) links.remove(link);
  });
  facts.putNetwork({ ...facts.network, bridge: false });
}
