import { SocketAddress } from "node:net";
import { printableLine } from "../../rpc/printable.ts";

/** A port on which something in a guest listens. */
export interface GuestPort {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  /** Who has it open, as its kernel calls it; null where nobody was found. */
  readonly process: string | null;
}

/** What listens in a guest. */
export interface GuestPorts {
  readonly ports: readonly GuestPort[];
  /** There are more than these. */
  readonly more: boolean;
}

/** By number (RFC 790). */
const protocols: ReadonlyMap<number, GuestPort["protocol"]> = new Map([
  [6, "tcp"],
  [17, "udp"],
]);
const families: ReadonlyMap<number, "ipv4" | "ipv6"> = new Map([
  [4, "ipv4"],
  [16, "ipv6"],
]);
const mostPorts = 256;
/** Of a process's name (TASK_COMM_LEN, without its 0). */
const mostNameBytes = 15;

/** Reads what LISTENING carries behind its token, as far as it makes sense; the guest may send anything. */
export function readPorts(payload: Buffer): GuestPorts {
  const ports: GuestPort[] = [];
  let at = 1;
  while (at < payload.length && ports.length < mostPorts) {
    const entry = readPort(payload.subarray(at));
    if (entry === undefined) break;
    ports.push(entry.port);
    at += entry.bytes;
  }
  return { ports, more: payload[0] !== 0 };
}

function readPort(bytes: Buffer): { port: GuestPort; bytes: number } | undefined {
  const [transport = 0, size = 0] = bytes;
  const protocol = protocols.get(transport);
  const family = families.get(size);
  // Protocol, size, address, port, the name's length.
  const head = 2 + size + 3;
  if (protocol === undefined || family === undefined || bytes.length < head) return undefined;
  const nameBytes = bytes.readUInt8(head - 1);
  if (nameBytes > mostNameBytes || bytes.length < head + nameBytes) return undefined;
  const name = printableLine(bytes.toString("utf8", head, head + nameBytes));
  return {
    port: {
      protocol,
      address: addressText(bytes.subarray(2, 2 + size), family),
      port: bytes.readUInt16LE(2 + size),
      process: name === "" ? null : name,
    },
    bytes: head + nameBytes,
  };
}

/** An address as it is written (RFC 5952). */
function addressText(address: Buffer, family: "ipv4" | "ipv6"): string {
  if (family === "ipv4") return address.join(".");
  const words = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: words.join(":"), family }).address;
}
