import { parseSubnet } from "../../installation/install-file.ts";
import type { HelperDeps } from "../deps.ts";
import {
  fromLinks,
  fromPort,
  icmpType,
  inNetwork,
  isEstablished,
  isIpv6,
  isNotOf,
  isProtocol,
  masquerade,
  redirect,
  type RulePart,
  onInterface,
  sourceIn,
  sourceNotIn,
  toPort,
  verdict,
} from "../netlink/nf-rule.ts";
import type { Chain } from "../netlink/nf-tables.ts";
import { ipv4Bytes } from "./address.ts";

/** The set of pins: which MAC has which address. */
export const guests = "guests";
/** Those of them that reach nothing beyond the bridge. */
export const isolated = "isolated";

const priority = { raw: -300, dstnat: -100, filter: 0, srcnat: 100 };
const protocol = { icmp: 1, tcp: 6, udp: 17 };
const [dns, echoRequest] = [53, 8];
const linkLocal = { address: ipv4Bytes("169.254.0.0"), prefix: 16 };

/**
 * The default policy: a guest reaches DNS and ping on the bridge and, through NAT, what the host reaches; not the host's
 * services, not link-local addresses (cloud metadata), not other guests; one that is isolated nothing beyond the bridge. Its MAC and address are pinned to each other. A guest
 * whose tap somebody took off the bridge reaches nothing by IP. What it asks
 * the bridge's address by DNS goes to the daemon's `relay` port, where there is one; nobody but the owner answers from there.
 */
export function policyChains(
  { layout, installation }: Pick<HelperDeps, "layout" | "installation">,
  relay?: number,
): Chain[] {
  const { network, first, prefix } = parseSubnet(installation.subnet);
  const fromGuest = onInterface("iifname", "is", layout.bridge);
  const toGuest = onInterface("oifname", "is", layout.bridge);
  const notFromGuest = onInterface("iifname", "isNot", layout.bridge);
  const notToGuest = onInterface("oifname", "isNot", layout.bridge);
  const toBridge = inNetwork("daddr", ipv4Bytes(first), 32);
  const toLinkLocal = inNetwork("daddr", linkLocal.address, linkLocal.prefix);
  const fromBridge = inNetwork("saddr", ipv4Bytes(first), 32);
  const fromSubnet = inNetwork("saddr", ipv4Bytes(network), prefix);
  const [accept, drop] = [verdict("accept"), verdict("drop")];
  return [
    {
      name: "prerouting",
      hook: { type: "filter", at: "prerouting", priority: priority.raw },
      rules: [
        // What comes over the bridge never has a tap's name here: this one was taken off it.
        [fromLinks(layout.taps), drop],
        [notFromGuest, accept],
        [isIpv6(), drop],
        [sourceNotIn(guests), drop],
      ],
    },
    ...(relay === undefined
      ? []
      : [ledToRelay([fromGuest, toBridge].flat(), relay), answeredBy(installation.ownerUid, fromBridge, relay)]),
    {
      name: "input",
      hook: { type: "filter", at: "input", priority: priority.filter },
      rules: [
        [notFromGuest, accept],
        [isEstablished(), accept],
        [toBridge, isProtocol(protocol.udp), toPort(relay ?? dns), accept],
        [toBridge, isProtocol(protocol.tcp), toPort(relay ?? dns), accept],
        [toBridge, isProtocol(protocol.icmp), icmpType(echoRequest), accept],
        [drop],
      ],
    },
    {
      name: "forward",
      hook: { type: "filter", at: "forward", priority: priority.filter },
      rules: [
        [fromGuest, toGuest, drop],
        [fromGuest, toLinkLocal, drop],
        [fromGuest, sourceIn(isolated), drop],
        [fromGuest, accept],
        [toGuest, isEstablished(), accept],
        [toGuest, drop],
      ],
    },
    {
      name: "postrouting",
      hook: { type: "nat", at: "postrouting", priority: priority.srcnat },
      // What this host says to itself, by the bridge's address, keeps it.
      rules: [[fromSubnet, notToGuest, onInterface("oifname", "isNot", "lo"), masquerade()]],
    },
  ];
}

function ledToRelay(asked: RulePart, relay: number): Chain {
  const led = (by: number) => [asked, isProtocol(by), toPort(dns), redirect(relay)];
  return {
    name: "dstnat",
    hook: { type: "nat", at: "prerouting", priority: priority.dstnat },
    rules: [led(protocol.udp), led(protocol.tcp)],
  };
}

/** The port is no privileged one: while the daemon is away any user of the host could have it. */
function answeredBy(ownerUid: number, fromBridge: RulePart, relay: number): Chain {
  const others = (by: number) => [fromBridge, isProtocol(by), fromPort(relay), isNotOf(ownerUid), verdict("drop")];
  return {
    name: "output",
    hook: { type: "filter", at: "output", priority: priority.filter },
    rules: [others(protocol.udp), others(protocol.tcp)],
  };
}
