import { KernelError } from "../kernel/libc.ts";
import { decodeAttributes, u32 } from "./message.ts";
import { type NetlinkSocket, NLM_F } from "./socket.ts";

/** An IPv4 address of a link. */
export interface LinkAddress {
  readonly link: number;
  readonly address: number;
  readonly prefix: number;
}

/** An IPv4 route. */
export interface Route {
  readonly table: number;
  readonly network: number;
  readonly prefix: number;
  /** The index of the link; undefined for one over several, and for one that leads nowhere on purpose. */
  readonly link: number | undefined;
  readonly isUnicast: boolean;
}

/** The table of the host's own addresses, and the one that is asked by default (rtnetlink(7)). */
export const routeTable = { main: 254, local: 255 } as const;

const RTM = { getAddress: 22, getRoute: 26 };
const RTA = { destination: 1, outgoing: 4, table: 15 };
const IFA_LOCAL = 2;
const [AF_INET, RTN_UNICAST] = [2, 1];
/** The route itself, and the table that it is in. */
const RTM_F_FIB_MATCH_AND_TABLE = 0x2000 | 0x1000;
const [ifaddrBytes, rtmsgBytes] = [8, 12];

/** What the host's network leads where (rtnetlink(7)). */
export class Routes {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** The IPv4 addresses of all links. */
  addresses(): LinkAddress[] {
    const fixed = Buffer.alloc(ifaddrBytes);
    fixed[0] = AF_INET;
    return this.#socket
      .request({ what: "list addresses", type: RTM.getAddress, flags: NLM_F.dump, fixed })
      .map(({ payload }) => ({
        link: payload.readUInt32LE(4),
        prefix: payload[1] ?? 0,
        address: decodeAttributes(payload.subarray(ifaddrBytes)).get(IFA_LOCAL)?.readUInt32BE(0) ?? 0,
      }));
  }

  /** The IPv4 routes of all tables. */
  list(): Route[] {
    const request = { what: "list routes", type: RTM.getRoute, flags: NLM_F.dump, fixed: rtmsg(0, 0) };
    return this.#socket.request(request).map(({ payload }) => routeOf(payload));
  }

  /** The route that the kernel would take to an address, rules and all tables heeded, or why there is none. */
  to(address: Buffer): Route | { readonly refusal: string } {
    try {
      const found = this.#socket.request({
        what: "look for a route",
        type: RTM.getRoute,
        fixed: rtmsg(32, RTM_F_FIB_MATCH_AND_TABLE),
        attributes: [[RTA.destination, address]],
      })[0];
      return found === undefined ? { refusal: "no answer" } : routeOf(found.payload);
    } catch (error) {
      if (error instanceof KernelError) return { refusal: refusals[error.errno] ?? error.message };
      throw error;
    }
  }
}

/** What the kernel answers where a rule or a route ends the search: of the type blackhole, prohibit, unreachable, or none. */
const refusals: Readonly<Record<number, string>> = {
  22: "blackhole",
  13: "prohibit",
  113: "unreachable",
  101: "no route",
};

function routeOf(payload: Buffer): Route {
  const attributes = decodeAttributes(payload.subarray(rtmsgBytes));
  return {
    prefix: payload[1] ?? 0,
    table: (attributes.get(RTA.table) ?? u32(payload[4] ?? 0)).readUInt32LE(0),
    isUnicast: payload[7] === RTN_UNICAST,
    network: attributes.get(RTA.destination)?.readUInt32BE(0) ?? 0,
    link: attributes.get(RTA.outgoing)?.readUInt32LE(0),
  };
}

/** struct rtmsg. */
function rtmsg(prefix: number, flags: number): Buffer {
  const bytes = Buffer.alloc(rtmsgBytes);
  bytes[0] = AF_INET;
  bytes[1] = prefix;
  bytes.writeUInt32LE(flags, 8);
  return bytes;
}
