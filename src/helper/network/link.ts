import { BangerError } from "../../rpc/contract/errors.ts";
import type { HostCommand } from "./host-command.ts";

/** A network interface, as `ip -j -d` shows it. */
export interface Link {
  readonly ifname: string;
  readonly ifalias?: string;
  readonly master?: string;
  readonly flags: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string };
  /** Only where addresses were asked for too. */
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** All links of the namespace. */
export async function listLinks(command: HostCommand): Promise<Link[]> {
  const { stdout } = await command("ip", ["-json", "-details", "link", "show"]);
  return JSON.parse(stdout) as Link[];
}

/** The link of this name, with its addresses, if there is one. */
export async function findLink(command: HostCommand, name: string): Promise<Link | undefined> {
  const found = await command.look("ip", ["-json", "-details", "address", "show", "dev", name], /does not exist/);
  return found === undefined ? undefined : (JSON.parse(found.stdout) as Link[])[0];
}

/** Refuses to touch a link that isn't provably ours: it has our alias, or none yet and our facts say that we were making it. */
export function mustBeOurs(link: Link, alias: string, weWereMakingIt: boolean): void {
  if (link.ifalias === alias) return;
  if (link.ifalias === undefined && weWereMakingIt) return;
  throw new BangerError("already_exists", `link ${link.ifname} is there and isn't banger's; it was left alone`);
}
