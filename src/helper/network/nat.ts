import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { formatIpv4, parseSubnet } from "../../installation/install-file.ts";
import type { HelperDeps } from "../deps.ts";

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
  const { command, facts, layout } = deps;
  const rules = policy(deps);
  // An empty chain named for the policy's digest tells in one look that nothing has to be done.
  const mark = `policy_${createHash("sha256").update(rules).digest("hex").slice(0, 12)}`;
  if (!(await exists(deps, ["chain", "inet", layout.table, mark]))) {
    const pins = facts.vms().flatMap(({ tap }) => (tap === undefined ? [] : [`${tap.mac} . ${tap.address}`]));
    const elements = pins.length === 0 ? "" : `elements = { ${pins.join(", ")} }`;
    const table = `table inet ${layout.table}`;
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
  const { command, facts, layout } = deps;
  const there = await exists(deps, ["table", "inet", layout.table]);
  if (there) await command("nft", ["delete", "table", "inet", layout.table]);
  const { ip_forward_was: was, ...rest } = facts.network;
  if (was === "0") writeFileSync(forwarding, was);
  facts.putNetwork(rest);
  return { removed: there };
}

/** Adds or removes the pin of a guest's MAC to its address. */
export async function pin(
  deps: HelperDeps,
  verb: "add" | "delete",
  tap: { mac: string; address: string },
): Promise<void> {
  const { command, layout } = deps;
  const element = ["element", "inet", layout.table, "guests", `{ ${tap.mac} . ${tap.address} }`];
  if (verb === "delete" && !(await exists(deps, element))) return;
  await command("nft", [verb, ...element]);
}

async function exists({ command }: Pick<HelperDeps, "command">, what: readonly string[]): Promise<boolean> {
  const verb = what[0] === "element" ? "get" : "list";
  return (await command.look("nft", [verb, ...what], /No such file or directory/)) !== undefined;
}
