import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { Link } from "../netlink/links.ts";
import { inKernel } from "./in-kernel.ts";

/** The link of this name, if there is one. */
export function findLink({ links, spans }: Pick<HelperDeps, "links" | "spans">, name: string) {
  return inKernel(spans, "link find", { link: name }, () => links.find(name));
}

/** Refuses to touch a link that isn't provably ours: it has our alias, or none yet and our facts say that we were making it. */
export function mustBeOurs(link: Link, alias: string, weWereMakingIt: boolean): void {
  if (link.alias === alias) return;
  if (link.alias === undefined && weWereMakingIt) return;
  throw new BangerError("already_exists", `link ${link.name} is there and isn't banger's; it was left alone`);
}

/** Switches IPv6 off on a link. */
export function disableIpv6(link: string): void {
  // A host that has no IPv6 has nothing to switch off.
  set(`/proc/sys/net/ipv6/conf/${link}/disable_ipv6`, 1);
}

/**
 * Answers ARP on a link to senders of its own subnet alone (arp_ignore, ip-sysctl): the kernel remembers each sender that it answers, in a
 * table of all links that is soon full.
 */
export function answerOwnSubnet(link: string): void {
  set(`/proc/sys/net/ipv4/conf/${link}/arp_ignore`, 2);
}

/** Where it is so already, the file may be one that can't be written to. */
function set(setting: string, value: number): void {
  if (existsSync(setting) && readFileSync(setting, "utf8").trim() !== `${value}`) writeFileSync(setting, `${value}`);
}
