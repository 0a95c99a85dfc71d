import { networkInterfaces } from "node:os";
import { isIPv4 } from "node:net";
import { formatIpv4, type Installation, parseIpv4, parseSubnet } from "../../../installation/install-file.ts";
import type { Layout } from "../../../installation/layout.ts";
import type { Logger } from "../../../telemetry/log.ts";
import { Authority } from "./authority.ts";
import { NameRelay } from "./relay.ts";
import { type ResolvConf, watchResolvConf } from "./resolv-conf.ts";
import { type Transport, Upstreams } from "./upstreams.ts";
import { type NamedVms, Zone } from "./zone.ts";

/** What guests' names need. */
export interface GuestNamesDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly vms: NamedVms & {
    /** False for a guest that is to reach nothing beyond the bridge. */
    readonly reachesOutside: (address: string) => boolean;
  };
  readonly log: Logger;
}

/** What a guest is told about names. */
export interface GivenNames {
  readonly resolvers: readonly string[];
  readonly search: readonly string[];
}

/** Why a guest finds no name server: the host names none, as it may be for what its file can't be read; or guests don't reach those that it names. */
export type Lack = { readonly of: "servers"; readonly unreadable?: string } | { readonly of: "way" };

const etc = "/etc/resolv.conf";
/** The servers behind systemd's stub, where it runs. */
const behindStub = "/run/systemd/resolve/resolv.conf";
const dnsPort = 53;
const [mostResolvers, mostSearch] = [3, 6];
const [patienceMs, limitMs] = [1_500, 4_500];
/** As long as a resolver with several questions needs, each within the limit. */
const streamLifeMs = 30_000;

/**
 * The name server of host and guests. VMs' names it answers by itself; for the rest guests come by it to the host's name servers,
 * as they are at the moment. The host, which reaches those without it, and a guest that is isolated, for which that were a way out, are refused.
 */
export class GuestNames {
  readonly #installation: Installation;
  readonly #relay: NameRelay;
  readonly #authority: Authority;
  readonly #upstreams: Upstreams;
  readonly #etc = watchResolvConf(etc);
  readonly #behindStub = watchResolvConf(behindStub);
  /** Whether the helper leads guests' DNS here, and nobody drops it on its way. */
  #isLed = false;

  constructor({ installation, layout, vms, log }: GuestNamesDeps) {
    const { first, last } = parseSubnet(installation.subnet);
    this.#authority = new Authority(new Zone({ zone: installation.zone, subnet: installation.subnet, vms }));
    this.#upstreams = new Upstreams({
      servers: () => this.#servers().map((address) => ({ address, port: dnsPort })),
      patienceMs,
      limitMs,
    });
    this.#installation = installation;
    this.#relay = new NameRelay({
      address: formatIpv4(first),
      port: layout.namesPort,
      hears: (address) => {
        const number = parseIpv4(address) ?? 0;
        return number >= first && number <= last;
      },
      streamLifeMs,
      answer: (question, transport, signal, from) =>
        this.#answer(question, transport, signal, parseIpv4(from) !== first && vms.reachesOutside(from)),
      log,
    });
  }

  async #answer(question: Buffer, by: Transport, signal: AbortSignal, mayAsk: boolean): Promise<Buffer> {
    const own = this.#authority.answer(question, mayAsk);
    if (own !== undefined) return own;
    return mayAsk ? this.#upstreams.answer(question, by, signal) : this.#authority.refuse(question);
  }

  /** Listens for host and guests; the port, or undefined while there is no bridge. */
  listen(): Promise<number | undefined> {
    return this.#relay.listen();
  }

  /** Takes what the helper made of the port. */
  led(isLed: boolean): void {
    this.#isLed = isLed;
  }

  /** Why a guest that starts now will have no name server that it could ask; undefined where it has one. */
  get lack(): Lack | undefined {
    if (this.#servers().length > 0) return this.given().resolvers.length > 0 ? undefined : { of: "way" };
    const { unreadable } = this.#etc();
    return { of: "servers", ...(unreadable === undefined ? {} : { unreadable }) };
  }

  /** What a guest that starts now is told: the relay first; behind it, for when the daemon is away, what it can reach by itself. */
  given(): GivenNames {
    const { first } = parseSubnet(this.#installation.subnet);
    const relay = this.#isLed ? [formatIpv4(first)] : [];
    // Whoever else was asked for VMs' names would only learn them.
    const own = this.#isLed ? [this.#installation.zone] : [];
    return {
      resolvers: [...relay, ...this.#direct()].slice(0, mostResolvers),
      search: [...new Set([...own, ...this.#host().search])].slice(0, mostSearch),
    };
  }

  close(): Promise<void> {
    return this.#relay.close();
  }

  /** Whom the relay asks. */
  #servers(): readonly string[] {
    const { resolvers } = this.#installation;
    return resolvers.length > 0 ? resolvers : this.#host().servers;
  }

  #host(): ResolvConf {
    const said = this.#etc();
    return said.servers.length > 0 ? said : this.#behindStub();
  }

  /** Servers that a guest reaches through NAT: none of the host's own, and none of IPv6. */
  #direct(): readonly string[] {
    const own = new Set(Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []));
    const reachable = ({ servers }: Pick<ResolvConf, "servers">) =>
      servers.filter((server) => isIPv4(server) && !/^(0|127|169\.254)\./.test(server) && !own.has(server));
    const { resolvers } = this.#installation;
    if (resolvers.length > 0) return reachable({ servers: resolvers });
    const behind = reachable(this.#behindStub());
    return behind.length > 0 ? behind : reachable(this.#etc());
  }
}
