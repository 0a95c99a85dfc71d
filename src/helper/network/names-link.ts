import { parseSubnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { Link } from "../netlink/links.ts";
import { ipv4Bytes } from "./address.ts";
import { inKernel } from "./in-kernel.ts";
import { disableIpv6, mustBeOurs } from "./link.ts";

/**
 * Makes the link that the host's resolver knows our name server by, or finds it as it should be; its index. The bridge can't be it: it
 * has no carrier while no VM runs, and a resolver passes over such a link. This is one end of a pair of which each carries the other,
 * through which nothing goes, and it has the name server's address.
 */
export async function ensureNamesLink(deps: HelperDeps): Promise<number> {
  const { facts, installation, layout, links, spans } = deps;
  const ends = [layout.namesLink, layout.namesPeer];
  const address = ipv4Bytes(parseSubnet(installation.subnet).first);
  const isComplete = (link: Link) => link.alias === layout.alias() && link.isUp;
  return inKernel(spans, "names link make", { link: layout.namesLink }, () => {
    const found = ends.map((end) => links.find(end));
    for (const link of found) if (link !== undefined) mustBeOurs(link, layout.alias(), facts.network.names === true);
    const [ours, other] = found;
    if (ours !== undefined && other !== undefined && isComplete(ours) && isComplete(other)) {
      if (links.hasAddress(ours, address, 32)) return ours.index;
    }
    facts.putNetwork({ ...facts.network, names: true });
    // Half a pair isn't ours to mend: somebody took the other end away.
    if (ours === undefined || other === undefined) {
      for (const link of found) if (link !== undefined) links.remove(link);
      links.createPair(layout.namesLink, layout.namesIndex, layout.namesPeer);
    }
    for (const end of ends) {
      const link = links.find(end);
      if (link === undefined) throw new BangerError("command_failed", `link ${end} is gone as soon as it is made`);
      links.setAlias(link, layout.alias());
      disableIpv6(end);
      if (end === layout.namesLink) links.addAddress(link, address, 32);
      links.setUpMute(link);
    }
    return links.find(layout.namesLink)?.index ?? layout.namesIndex;
  });
}

/** Makes sure that the link is gone, and with it what a resolver was told. */
export async function removeNamesLink({ facts, layout, links, spans }: HelperDeps): Promise<{ removed: boolean }> {
  const removed = await inKernel(spans, "names link remove", { link: layout.namesLink }, () => {
    const link = links.find(layout.namesLink);
    if (link === undefined) return false;
    mustBeOurs(link, layout.alias(), facts.network.names === true);
    links.remove(link);
    return true;
  });
  if (facts.network.names === true) {
    const { names: _, ...rest } = facts.network;
    facts.putNetwork(rest);
  }
  return { removed };
}
