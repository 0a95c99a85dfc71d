import { formatIpv4, parseIpv4, parseSubnet } from "../../../installation/install-file.ts";
import { reverseZones } from "../../../installation/zone.ts";

/** The VMs that have a name now. */
export interface NamedVms {
  /** The address of the VM of this name, if it runs. */
  addressOf(name: string): string | undefined;
  /** The name of the VM that runs with this address. */
  nameAt(address: string): string | undefined;
}

/** What a name stands for. */
export type Data =
  | { readonly type: "A"; readonly data: string }
  | { readonly type: "PTR" | "NS"; readonly data: string }
  | { readonly type: "SOA" };

/** What the names of an installation are made of. */
export interface ZoneDeps {
  /** What VMs' names end with. */
  readonly zone: string;
  readonly subnet: string;
  readonly vms: NamedVms;
}

/** What may be a VM's name: nothing else is looked for, or written into an answer. */
const vmName = /^[a-z0-9-]{1,63}$/;

/**
 * The names that this installation answers for: `<vm>.<zone>`, and those of the subnet's addresses. They are the records of VMs that
 * run, looked up at each question, so they follow every change at once, and an adopted VM has its own. The zone itself is the bridge's address.
 */
export class Zone {
  /** The zone of VMs' names, which is also the name of its server. */
  readonly name: string;
  readonly #server: string;
  readonly #vms: NamedVms;
  readonly #reverse: ReadonlySet<string>;

  constructor({ zone, subnet, vms }: ZoneDeps) {
    this.name = zone;
    this.#server = formatIpv4(parseSubnet(subnet).first);
    this.#vms = vms;
    this.#reverse = new Set(reverseZones(subnet));
  }

  /** The zone of ours that a name lies in, or is; the name in small letters. */
  apexOf(name: string): string | undefined {
    if (name === this.name || name.endsWith(`.${this.name}`)) return this.name;
    if (!name.endsWith(".in-addr.arpa")) return undefined;
    for (let rest = name; rest !== ""; rest = rest.slice(rest.indexOf(".") + 1 || rest.length)) {
      if (this.#reverse.has(rest)) return rest;
    }
    return undefined;
  }

  /** All that a name of ours stands for: nothing where there is only something below it, undefined where there is no such name. */
  find(name: string): readonly Data[] | undefined {
    const apex = this.apexOf(name);
    const ofApex: Data[] = name === apex ? [{ type: "SOA" }, { type: "NS", data: this.name }] : [];
    const own = apex === this.name ? this.#forward(name) : this.#backward(name);
    return ofApex.length === 0 ? own : [...ofApex, ...(own ?? [])];
  }

  #forward(name: string): Data[] | undefined {
    if (name === this.name) return [{ type: "A", data: this.#server }];
    const vm = name.slice(0, -this.name.length - 1);
    const address = vmName.test(vm) ? this.#vms.addressOf(vm) : undefined;
    return address === undefined ? undefined : [{ type: "A", data: address }];
  }

  #backward(name: string): Data[] | undefined {
    const octets = name.slice(0, -".in-addr.arpa".length).split(".").toReversed();
    // Two octets of a /16 are its apex, and with a third there are addresses below.
    if (octets.length === 3) return parseIpv4(`${octets.join(".")}.0`) === undefined ? undefined : [];
    const address = octets.join(".");
    if (address === this.#server) return [{ type: "PTR", data: this.name }];
    const vm = parseIpv4(address) === undefined ? undefined : this.#vms.nameAt(address);
    return vm === undefined ? undefined : [{ type: "PTR", data: `${vm}.${this.name}` }];
  }
}
