import { InstallFileError } from "./install-file-error.ts";

/** A subnet as numbers: `first` is the bridge's address, guests have `first + 1` to `last`. */
export interface Subnet {
  readonly network: number;
  readonly prefix: number;
  readonly first: number;
  readonly last: number;
}

/** A larger one is more than a bridge serves, a smaller one has no room for guests. */
const prefixes = { least: 16, most: 29 } as const;

/** Parses `a.b.c.d/len`; the address must be the network's own, and private (RFC 1918). */
export function parseSubnet(cidr: string): Subnet {
  const [address = "", length = "", ...more] = cidr.split("/");
  const network = parseIpv4(address);
  if (network === undefined || more.length > 0 || !/^[1-9]?\d$/.test(length)) {
    const family = address.includes(":") ? "is IPv6, which guests don't have" : "is not an IPv4 network";
    throw new InstallFileError(`subnet: ${JSON.stringify(cidr)} ${family}; write one as "10.77.0.0/24"`);
  }
  const prefix = Number(length);
  if (prefix < prefixes.least || prefix > prefixes.most) {
    throw new InstallFileError(
      `subnet: ${cidr}: the length must be from /${prefixes.least} to /${prefixes.most}, as in "10.77.0.0/24"`,
    );
  }
  const size = 2 ** (32 - prefix);
  if (network % size !== 0) {
    const own = `${formatIpv4(network - (network % size))}/${prefix}`;
    throw new InstallFileError(`subnet: ${cidr} is not a network address; its network is ${own}`);
  }
  const [a, b] = address.split(".").map(Number);
  const isPrivate = a === 10 || (a === 192 && b === 168) || (a === 172 && b !== undefined && b >= 16 && b < 32);
  if (!isPrivate) {
    throw new InstallFileError(
      `subnet: ${cidr} is not a private network (RFC 1918); take one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16`,
    );
  }
  return { network, prefix, first: network + 1, last: network + size - 2 };
}

/** Reads the addresses of name servers, this host's own too: up to three, separated by commas. */
export function parseResolvers(text: string): string[] {
  const refuse = (reason: string): never => {
    throw new InstallFileError(`resolvers: ${reason}; write one to three addresses as "9.9.9.9,1.1.1.1"`);
  };
  const addresses = text.split(",");
  if (addresses.length > 3) refuse(`${addresses.length} are more than a guest asks`);
  for (const address of addresses) {
    const number = parseIpv4(address) ?? refuse(`${JSON.stringify(address)} is not an IPv4 address`);
    const top = Math.floor(number / 2 ** 24);
    if (top === 0 || top >= 224) refuse(`${address} is no host's address`);
  }
  return [...new Set(addresses)];
}

/** An IPv4 address as a number; undefined when it isn't one. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The dotted form of an IPv4 address. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}
