import { formatIpv4, parseSubnet } from "../../installation/install-file.ts";

/** In the order in which they are tried. */
const candidates = [
  ...Array.from({ length: 20 }, (_, step) => `10.${77 + step}.0.0/24`),
  ...Array.from({ length: 10 }, (_, step) => `192.168.${77 + step}.0/24`),
  "172.30.77.0/24",
];

/** A network that this host has no route to; `routes` is the text of /proc/net/route. The first one where all are taken. */
export function chooseSubnet(routes: string): string {
  const taken = routes.split("\n").slice(1).flatMap(routeOf);
  const isFree = (subnet: string) => {
    const { network, prefix } = parseSubnet(subnet);
    return taken.every((route) => {
      const mask = Math.min(prefix, route.prefix);
      return network >>> (32 - mask) !== route.network >>> (32 - mask);
    });
  };
  return candidates.find(isFree) ?? candidates[0] ?? formatIpv4(0);
}

/** A line's network; the default route leads everywhere and takes nothing. */
function routeOf(line: string): { network: number; prefix: number }[] {
  const [, destination = "", , , , , , mask = ""] = line.trim().split(/\s+/);
  if (!/^[0-9A-F]{8}$/.test(destination) || !/^[0-9A-F]{8}$/.test(mask)) return [];
  const prefix = swapped(mask).toString(2).replace(/0/g, "").length;
  return prefix === 0 ? [] : [{ network: swapped(destination), prefix }];
}

/** The kernel prints the bytes as they lie in memory. */
function swapped(hex: string): number {
  return Buffer.from(hex, "hex").readUInt32LE(0);
}
