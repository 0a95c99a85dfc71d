import { KernelError } from "../kernel/libc.ts";
import { type Attribute, decodeAttributes, encodeAttributes, fromText, text, u8, u32 } from "./message.ts";
import { type NetlinkSocket, NLM_F } from "./socket.ts";

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly alias: string | undefined;
  /** The index of the bridge that it is a port of. */
  readonly master: number | undefined;
  readonly isUp: boolean;
  /** A bridge has one while a port of its has. */
  readonly hasCarrier: boolean;
}

/** How a bridge treats a port (linux/if_link.h, IFLA_BRPORT_*). */
export interface PortFlags {
  /** It reaches no other isolated port. */
  readonly isolated: boolean;
  readonly learning: boolean;
  /** Only what comes from an address that is pinned to the port passes. */
  readonly locked: boolean;
  readonly unicastFlood: boolean;
  readonly multicastFlood: boolean;
}

const RTM = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  getAddress: 22,
  newNeighbour: 28,
  delNeighbour: 29,
};
const IFLA = { address: 1, ifname: 3, master: 10, linkinfo: 18, ifalias: 20, extMask: 29, carrier: 33 };
const IFLA_INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 };
const IFLA_BR_STP_STATE = 5;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT = { learning: 8, unicastFlood: 9, multicastFlood: 27, isolated: 33, locked: 39 };
const IFA = { address: 1, local: 2 };
const NDA = { destination: 1, linkLayer: 2 };
const NUD = { reachable: 2, noarp: 0x40, permanent: 0x80 };
const [AF_INET, AF_BRIDGE] = [2, 7];
const NTF_MASTER = 4;
const [IFF_UP, IFF_NOARP, IFF_MULTICAST] = [1, 0x80, 0x1000];
const RTEXT_FILTER_SKIP_STATS = 8;
const [ENOENT, ENODEV] = [2, 19];

/** What banger does with links, addresses and neighbours (rtnetlink(7)). */
export class Links {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** The link of this name, if there is one. */
  find(name: string): Link | undefined {
    const attributes: Attribute[] = [[IFLA.ifname, text(name)], withoutStatistics];
    const found = unless(ENODEV, () =>
      this.#socket.request({ what: `look for link ${name}`, type: RTM.getLink, fixed: ifinfo(0), attributes }),
    );
    return found?.[0] === undefined ? undefined : linkOf(found[0].payload);
  }

  /** All links of the namespace. */
  list(): Link[] {
    const request = { what: "list links", type: RTM.getLink, flags: NLM_F.dump, fixed: ifinfo(0) };
    return this.#socket.request({ ...request, attributes: [withoutStatistics] }).map(({ payload }) => linkOf(payload));
  }

  /** With an address of its own: a bridge without one takes a port's, and guests would remember one that is gone. */
  createBridge(name: string, mac: Buffer): void {
    const kind: Attribute[] = [
      [IFLA_INFO.kind, text("bridge")],
      [IFLA_INFO.data, [[IFLA_BR_STP_STATE, u32(0)]]],
    ];
    this.#socket.request({
      what: `make bridge ${name}`,
      type: RTM.newLink,
      flags: NLM_F.create | NLM_F.excl,
      fixed: ifinfo(0),
      attributes: [
        [IFLA.address, mac],
        [IFLA.ifname, text(name)],
        [IFLA.linkinfo, kind],
      ],
    });
  }

  /** Two links of which each is the other's other end. */
  createPair(name: string, index: number, peer: string): void {
    const kind: Attribute[] = [
      [IFLA_INFO.kind, text("veth")],
      [IFLA_INFO.data, [[VETH_INFO_PEER, Buffer.concat([ifinfo(0), encodeAttributes([[IFLA.ifname, text(peer)]])])]]],
    ];
    this.#socket.request({
      what: `make links ${name} and ${peer}`,
      type: RTM.newLink,
      flags: NLM_F.create | NLM_F.excl,
      fixed: ifinfo(index),
      attributes: [
        [IFLA.ifname, text(name)],
        [IFLA.linkinfo, kind],
      ],
    });
  }

  setAlias({ name, index }: LinkName, alias: string): void {
    const attributes: Attribute[] = [[IFLA.ifalias, text(alias)]];
    this.#socket.request({ what: `set alias of ${name}`, type: RTM.newLink, fixed: ifinfo(index), attributes });
  }

  /** Makes it a port of the bridge; it is up only once the flags bind it. */
  attach({ name, index }: LinkName, bridge: Link, flags: PortFlags): void {
    const master: Attribute[] = [[IFLA.master, u32(bridge.index)]];
    const what = `attach ${name} to ${bridge.name}`;
    this.#socket.request({ what, type: RTM.newLink, fixed: ifinfo(index), attributes: master });
    const port = Object.entries(flags).map(
      ([flag, on]): Attribute => [IFLA_BRPORT[flag as keyof PortFlags], u8(on ? 1 : 0)],
    );
    const slave: Attribute[] = [
      [IFLA_INFO.slaveKind, text("bridge")],
      [IFLA_INFO.slaveData, port],
    ];
    const attributes: Attribute[] = [[IFLA.linkinfo, slave]];
    this.#socket.request({ what: `bind ${name}`, type: RTM.newLink, fixed: ifinfo(index), attributes });
  }

  setUp({ name, index }: LinkName): void {
    this.#socket.request({ what: `set ${name} up`, type: RTM.newLink, fixed: ifinfo(index, IFF_UP) });
  }

  /** Up, and such that nobody asks for anybody on it. */
  setUpMute({ name, index }: LinkName): void {
    const fixed = ifinfo(index, IFF_UP | IFF_NOARP, IFF_UP | IFF_NOARP | IFF_MULTICAST);
    this.#socket.request({ what: `set ${name} up`, type: RTM.newLink, fixed });
  }

  remove({ name, index }: LinkName): void {
    this.#socket.request({ what: `remove link ${name}`, type: RTM.delLink, fixed: ifinfo(index) });
  }

  hasAddress({ index, name }: LinkName, address: Buffer, prefix: number): boolean {
    const request = { what: `list addresses of ${name}`, type: RTM.getAddress, flags: NLM_F.dump, fixed: ifaddr(0, 0) };
    return this.#socket.request(request).some(({ payload }) => {
      const local = decodeAttributes(payload.subarray(ifaddrBytes)).get(IFA.local);
      return payload.readUInt32LE(4) === index && payload[1] === prefix && local?.equals(address) === true;
    });
  }

  addAddress({ index, name }: LinkName, address: Buffer, prefix: number): void {
    const attributes: Attribute[] = [
      [IFA.local, address],
      [IFA.address, address],
    ];
    const flags = NLM_F.create | NLM_F.replace;
    const what = `add address to ${name}`;
    this.#socket.request({ what, type: RTM.newAddress, flags, fixed: ifaddr(index, prefix), attributes });
  }

  /** Pins an address to a MAC for good. */
  pinNeighbour({ index, name }: LinkName, address: Buffer, mac: Buffer): void {
    this.#socket.request({
      what: `pin neighbour on ${name}`,
      type: RTM.newNeighbour,
      flags: NLM_F.create | NLM_F.replace,
      fixed: neighbour(AF_INET, index, NUD.permanent, 0),
      attributes: [
        [NDA.destination, address],
        [NDA.linkLayer, mac],
      ],
    });
  }

  /** Makes sure that no entry for the address is there. */
  unpinNeighbour({ index, name }: LinkName, address: Buffer): void {
    const fixed = neighbour(AF_INET, index, 0, 0);
    const attributes: Attribute[] = [[NDA.destination, address]];
    const what = `unpin neighbour on ${name}`;
    unless(ENOENT, () => this.#socket.request({ what, type: RTM.delNeighbour, fixed, attributes }));
  }

  /** Lets a locked port pass this MAC, and no other port; a bridge that is down keeps its pins. */
  pinPort({ index, name }: LinkName, mac: Buffer): void {
    this.#socket.request({
      what: `pin MAC to port ${name}`,
      type: RTM.newNeighbour,
      flags: NLM_F.create | NLM_F.replace,
      fixed: neighbour(AF_BRIDGE, index, NUD.noarp | NUD.reachable, NTF_MASTER),
      attributes: [[NDA.linkLayer, mac]],
    });
  }
}

type LinkName = Pick<Link, "index" | "name">;

const withoutStatistics: Attribute = [IFLA.extMask, u32(RTEXT_FILTER_SKIP_STATS)];
const ifinfoBytes = 16;
const ifaddrBytes = 8;

function linkOf(payload: Buffer): Link {
  const attributes = decodeAttributes(payload.subarray(ifinfoBytes));
  return {
    index: payload.readInt32LE(4),
    name: fromText(attributes.get(IFLA.ifname)) ?? "",
    alias: fromText(attributes.get(IFLA.ifalias)),
    master: attributes.get(IFLA.master)?.readUInt32LE(0),
    isUp: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    hasCarrier: attributes.get(IFLA.carrier)?.[0] === 1,
  };
}

/** struct ifinfomsg; of the flags, these are changed. */
function ifinfo(index: number, flags = 0, changed = flags): Buffer {
  const bytes = Buffer.alloc(ifinfoBytes);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(flags, 8);
  bytes.writeUInt32LE(changed, 12);
  return bytes;
}

/** struct ifaddrmsg. */
function ifaddr(index: number, prefix: number): Buffer {
  const bytes = Buffer.alloc(ifaddrBytes);
  bytes[0] = AF_INET;
  bytes[1] = prefix;
  bytes.writeUInt32LE(index, 4);
  return bytes;
}

/** struct ndmsg. */
function neighbour(family: number, index: number, state: number, flags: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[0] = family;
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt16LE(state, 8);
  bytes[10] = flags;
  return bytes;
}

/** Undefined when the kernel says that it isn't there. */
function unless<T>(absent: number, ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof KernelError && error.errno === absent) return undefined;
    throw error;
  }
}
