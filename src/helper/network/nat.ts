import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { formatIpv4, parseSubnet } from "../../installation/install-file.ts";
import type { HelperDeps } from "../deps.ts";
import { ipv4Bytes, macBytes } from "./address.ts";
import { inKernel } from "./in-kernel.ts";

const forwarding = "/proc/sys/net/ipv4/ip_forward";

/**
 * The default policy: a guest reaches DNS and ping on the bridge and, through NAT, what the host reaches; not the host's
 * services, not link-local addresses (cloud metadata), not other guests. Its MAC and address are pinned to each other.
 */
function policy({ layout, installation }: Pick<HelperDeps, "layout" | "installation">): string {
  const { first } = parseSubnet(installation.subnet);
  const br = `"${layout.bridge}"`;
  return `
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname != ${br} accept
    meta nfproto ipv6 drop
    ether saddr . ip saddr != @guests drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != ${br} accept
    ct state established,related accept
    ip daddr ${formatIpv4(first)} meta l4proto { tcp, udp } th dport 53 accept
    ip daddr ${formatIpv4(first)} icmp type echo-request accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname ${br} oifname ${br} drop
    iifname ${br} ip daddr 169.254.0.0/16 drop
    iifname ${br} accept
    oifname ${br} ct state established,related accept
    oifname ${br} drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${installation.subnet} oifname != ${br} masquerade
  }`;
}

/** Puts the table in place unless it is there with this very policy, and forwarding on. */
export async function ensureNat(deps: HelperDeps): Promise<{ table: string }> {
  const { command, facts, layout, nft, spans } = deps;
  const rules = policy(deps);
  // An empty chain named for the policy's digest tells in one look that nothing has to be done.
  const mark = `policy_${createHash("sha256").update(rules).digest("hex").slice(0, 12)}`;
  const stands = await inKernel(spans, "rules find", { table: layout.table }, () => nft.hasChain(layout.table, mark));
  if (!stands) {
    const pins = facts.vms().flatMap(({ tap }) => (tap === undefined ? [] : [`${tap.mac} . ${tap.address}`]));
    const elements = pins.length === 0 ? "" : `elements = { ${pins.join(", ")} }`;
    const table = `table inet ${layout.table}`;
    // The policy is written in nft's own language, so that what is put in place can be read here; only the program has
    // its compiler, and may end as it likes.
    await command(
      "nft",
      ["-f", "-"],
      `${table} {}\ndelete ${table}\n${table} {\n  comment "${layout.alias()}"\n  chain ${mark} {}\n` +
        `  set guests { type ether_addr . ipv4_addr; ${elements} }\n${rules}\n}\n`,
    );
  }
  const now = readFileSync(forwarding, "utf8").trim() === "1" ? "1" : "0";
  if (facts.network.ip_forward_was === undefined) facts.putNetwork({ ...facts.network, ip_forward_was: now });
  if (now === "0") writeFileSync(forwarding, "1");
  return { table: layout.table };
}

/** Removes the table and puts forwarding back. */
export async function removeNat(deps: HelperDeps): Promise<{ removed: boolean }> {
  const { facts, layout, nft, spans } = deps;
  const removed = await inKernel(spans, "rules remove", { table: layout.table }, () => nft.removeTable(layout.table));
  const { ip_forward_was: was, ...rest } = facts.network;
  if (was === "0") writeFileSync(forwarding, was);
  facts.putNetwork(rest);
  return { removed };
}

/** The pin of a guest's MAC to its address, as the set `guests` has it: each part is padded to four bytes. */
export function pinKey({ mac, address }: { mac: string; address: string }): Buffer {
  return Buffer.concat([macBytes(mac), Buffer.alloc(2), ipv4Bytes(address)]);
}
