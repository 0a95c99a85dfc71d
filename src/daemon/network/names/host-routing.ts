import { readFileSync } from "node:fs";
import { formatIpv4, type Installation, parseSubnet } from "../../../installation/install-file.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import type { Warning } from "../../../rpc/contract/warning.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { GuestNames } from "./guest-names.ts";
import { parseResolvConf } from "./resolv-conf.ts";

/** What the host's routing of names needs. */
export interface HostRoutingDeps {
  readonly installation: Pick<Installation, "zone" | "subnet">;
  readonly helper: Pick<HelperLink, "call">;
  readonly names: Pick<GuestNames, "listen">;
  /** A file's text; a test has others. */
  readonly read?: (path: string) => string;
}

/** Where the daemon answers for VMs' names, and why the host's programs don't ask it. */
export interface Routed {
  /** Undefined where it can't listen. */
  readonly port: number | undefined;
  /** The resolver knows; whether programs ask it is another thing. */
  readonly routed: boolean;
  readonly lack: Warning | undefined;
}

/** The resolver's own addresses. */
const stubs = ["127.0.0.53", "127.0.0.54"];

/** How this host's programs come to VMs' names: its resolver asks the daemon for these, and nobody else. */
export class HostRouting {
  readonly #deps: HostRoutingDeps;
  #last: Routed | undefined;

  constructor(deps: HostRoutingDeps) {
    this.#deps = deps;
  }

  /** Why it isn't so: what the resolver said last, and what the host's files say now. Undefined also where it was never asked for. */
  look(): Warning | undefined {
    if (this.#last?.port === undefined || this.#last.routed === false) return this.#last?.lack;
    return this.#bypassed(this.#last.port);
  }

  /** Makes it so, or finds it so. It throws nothing but the signal's reason: VMs do without. */
  async ensure(signal?: AbortSignal): Promise<Routed> {
    this.#last = await this.#route(signal);
    return this.#last;
  }

  async #route(signal: AbortSignal | undefined): Promise<Routed> {
    const port = await this.#deps.names.listen();
    if (port === undefined) {
      return {
        port,
        routed: false,
        lack: this.#lack("the daemon can't listen on the bridge's address", "Its log says why."),
      };
    }
    try {
      const { helper } = this.#deps;
      const { routed, why } = await helper.call(
        helperContract.resolverSet,
        { dns_port: port },
        signal === undefined ? {} : { signal },
      );
      if (routed) return { port, routed, lack: this.#bypassed(port) };
      const reason = why === undefined ? "systemd-resolved doesn't run here" : `systemd-resolved says: ${why}`;
      return { port, routed: false, lack: this.#lack(reason, this.#ways(port)) };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BangerError)) throw error;
      const isOld = error.code === "unknown_method";
      const reason = isOld ? "the helper is older than the daemon" : error.plain;
      return { port, routed: false, lack: this.#lack(reason, isOld ? "Restart bangerd-root." : this.#ways(port)) };
    }
  }

  /** Takes it away; an older helper made none. */
  async clear(): Promise<void> {
    await this.#deps.helper.call(helperContract.resolverClear, {}).catch((error: unknown) => {
      if (!(error instanceof BangerError) || error.code !== "unknown_method") throw error;
    });
  }

  /** systemd-resolved knows, but programs may not ask it. */
  #bypassed(port: number): Warning | undefined {
    const asks =
      parseResolvConf(this.#text("/etc/resolv.conf")).servers.some((server) => stubs.includes(server)) ||
      /^hosts:.*\bresolve\b/m.test(this.#text("/etc/nsswitch.conf"));
    if (asks) return undefined;
    return this.#lack(
      "neither /etc/resolv.conf nor /etc/nsswitch.conf leads programs to systemd-resolved",
      `Link /etc/resolv.conf to /run/systemd/resolve/stub-resolv.conf. ${this.#ways(port)}`,
    );
  }

  #text(path: string): string {
    try {
      return (this.#deps.read ?? ((file) => readFileSync(file, "utf8")))(path);
    } catch {
      return "";
    }
  }

  #lack(reason: string, hint: string): Warning {
    const { zone } = this.#deps.installation;
    return {
      code: "no_resolver_routing",
      message: `this host doesn't find VMs by name (<vm>.${zone}): ${reason}`,
      hint,
    };
  }

  #ways(port: number): string {
    const { zone, subnet } = this.#deps.installation;
    const server = formatIpv4(parseSubnet(subnet).first);
    return `Guests do find them. By hand: \`dig @${server} -p ${port} <vm>.${zone}\`; for all programs, a line for dnsmasq (or NetworkManager's): \`server=/${zone}/${server}#${port}\``;
  }
}
