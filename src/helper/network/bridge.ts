import { writeFileSync } from "node:fs";
import { formatIpv4, parseSubnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import { findLink, type Link, listLinks, mustBeOurs } from "./link.ts";

/** Makes the bridge, or finds it as it should be. */
export async function ensureBridge({ command, facts, installation, layout }: HelperDeps) {
  const { first, prefix } = parseSubnet(installation.subnet);
  const address = `${formatIpv4(first)}/${prefix}`;
  const { bridge } = layout;
  const found = await findLink(command, bridge);
  if (found !== undefined) mustBeOurs(found, layout.alias(), facts.network.bridge === true);
  if (found !== undefined && isComplete(found, layout.alias(), address)) return { bridge, address, created: false };
  facts.putNetwork({ ...facts.network, bridge: true });
  try {
    if (found === undefined) await command("ip", ["link", "add", "name", bridge, "type", "bridge", "stp_state", "0"]);
    await command("ip", ["link", "set", "dev", bridge, "alias", layout.alias()]);
    // Guests have IPv4 only; without this the bridge itself would answer them on its link-local address.
    writeFileSync(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, "1");
    await command("ip", ["address", "replace", address, "dev", bridge]);
    await command("ip", ["link", "set", "dev", bridge, "up"]);
  } catch (error) {
    if (found === undefined) await deleteBridge({ command, facts, layout });
    throw error;
  }
  return { bridge, address, created: found === undefined };
}

/** True for a bridge at which nothing is left to do; the alias and the address come before the last command. */
function isComplete({ ifalias, flags, addr_info: addresses = [] }: Link, alias: string, address: string): boolean {
  const hasAddress = addresses.some(({ local, prefixlen }) => `${local}/${prefixlen}` === address);
  return ifalias === alias && flags.includes("UP") && hasAddress;
}

/** Removes the bridge, unless a VM is on it. */
export async function removeBridge(deps: HelperDeps): Promise<{ removed: boolean }> {
  const { command, facts, layout } = deps;
  const links = await listLinks(command);
  const found = links.find((link) => link.ifname === layout.bridge);
  if (found === undefined) {
    facts.putNetwork({ ...facts.network, bridge: false });
    return { removed: false };
  }
  mustBeOurs(found, layout.alias(), facts.network.bridge === true);
  const ports = links.filter((link) => link.master === layout.bridge).map((link) => link.ifname);
  if (ports.length > 0) {
    throw new BangerError("in_use", `bridge ${layout.bridge} has ${ports.length} VM(s) on it: ${ports.join(", ")}`);
  }
  await deleteBridge(deps);
  return { removed: true };
}

async function deleteBridge({
  command,
  facts,
  layout,
}: Pick<HelperDeps, "command" | "facts" | "layout">): Promise<void> {
  if ((await findLink(command, layout.bridge)) !== undefined) {
    await command("ip", ["link", "delete", "dev", layout.bridge, "type", "bridge"]);
  }
  facts.putNetwork({ ...facts.network, bridge: false });
}
