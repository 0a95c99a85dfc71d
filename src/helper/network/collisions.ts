import { existsSync, readFileSync } from "node:fs";
import { formatIpv4, parseSubnet, type Subnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { Link } from "../netlink/links.ts";
import { type Route, routeTable } from "../netlink/routes.ts";
import { ipv4Bytes } from "./address.ts";

type CollisionDeps = Pick<HelperDeps, "installation" | "layout" | "links" | "routes">;

/** What a person does about a subnet that others have. */
const hint =
  "Choose a free `subnet` in the install file and restart bangerd-root and bangerd, or take away what is in its place.";

/** Refuses a subnet in which another link has an address, or another route leads. */
export function mustBeFree(deps: CollisionDeps): void {
  const { subnet } = deps.installation;
  const other = others(deps);
  const address = other.addresses.find(({ address: at }) => isWithin(at, other.ours));
  if (address !== undefined) {
    const has = `${formatIpv4(address.address)}/${address.prefix}`;
    throw taken(`subnet ${subnet} is in use: link ${other.nameOf(address.link)} has the address ${has}`);
  }
  const route = other.routes.find((one) => one.prefix >= other.ours.prefix && isWithin(one.network, other.ours));
  if (route !== undefined) {
    throw taken(`subnet ${subnet} is in use: the route ${textOf(route)} leads to link ${other.nameOf(route.link)}`);
  }
}

/** Wider routes that the bridge's own takes the subnet out of. */
export function shadowedRoutes(deps: CollisionDeps): string[] {
  const other = others(deps);
  return other.routes
    .filter((route) => route.isUnicast && route.prefix < other.ours.prefix && contains(route, other.ours.network))
    .map((route) => `${textOf(route)} by ${other.nameOf(route.link)}`);
}

/** Says where what is meant for guests goes to in place of the bridge, by the kernel's own word; undefined when it is the bridge. */
export function leadsElsewhere(
  { installation, layout, links, routes }: CollisionDeps,
  bridge: Link,
): string | undefined {
  const { first, last, prefix } = parseSubnet(installation.subnet);
  for (const address of [first + 1, last]) {
    const route = routes.to(ipv4Bytes(address));
    if ("refusal" in route) {
      const now = links.find(layout.bridge);
      // A route over a link that is down is none yet; nor is one without carrier, where the host passes over such links.
      if (now?.isUp !== true || (!now.hasCarrier && passesOver(layout.bridge))) continue;
      return `what is meant for the guest ${formatIpv4(address)} is thrown away (${route.refusal}), by a rule (\`ip rule\`) or a route`;
    }
    if (route.link === bridge.index) continue;
    // A bridge without a VM has no carrier; some hosts are told to pass over such a link, and have the next best route then.
    if (route.table === routeTable.main && route.prefix < prefix) continue;
    const link = links.list().find(({ index }) => index === route.link)?.name ?? "another link";
    return `what is meant for the guest ${formatIpv4(address)} goes to ${link} (table ${route.table})`;
  }
  return undefined;
}

function passesOver(bridge: string): boolean {
  const setting = `/proc/sys/net/ipv4/conf/${bridge}/ignore_routes_with_linkdown`;
  return existsSync(setting) && readFileSync(setting, "utf8").trim() === "1";
}

/** As an error, where nothing has been made yet. */
export function taken(message: string): BangerError {
  return new BangerError("in_use", message, { details: { hint } });
}

/** What links and routes the host has beside banger's. */
function others({ installation, layout, links, routes }: CollisionDeps) {
  const all = links.list();
  const own = all.filter(({ name }) => [layout.bridge, layout.namesLink].includes(name)).map(({ index }) => index);
  const isOther = (link: number | undefined) => link === undefined || !own.includes(link);
  return {
    ours: parseSubnet(installation.subnet),
    addresses: routes.addresses().filter(({ link }) => isOther(link)),
    routes: routes.list().filter(({ table, prefix, link }) => table === routeTable.main && prefix > 0 && isOther(link)),
    nameOf: (index: number | undefined) => all.find((link) => link.index === index)?.name ?? "(several or none)",
  };
}

function isWithin(address: number, { network, prefix }: Subnet): boolean {
  return Math.floor(address / 2 ** (32 - prefix)) === Math.floor(network / 2 ** (32 - prefix));
}

function contains({ network, prefix }: Route, address: number): boolean {
  return Math.floor(address / 2 ** (32 - prefix)) === Math.floor(network / 2 ** (32 - prefix));
}

function textOf({ network, prefix }: Route): string {
  return `${formatIpv4(network)}/${prefix}`;
}
