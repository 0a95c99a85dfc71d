import { expect, it } from "vitest";
import { chooseSubnet } from "../../../../src/setup/install/choose-subnet.ts";

const header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
/** A line of /proc/net/route, whose numbers are printed as they lie in memory. */
const route = (network: string, prefix: number) => {
  const hex = (bytes: number[]) => Buffer.from(bytes.toReversed()).toString("hex").toUpperCase();
  const mask = [0, 8, 16, 24].map((bit) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - bit))));
  return `eth0\t${hex(network.split(".").map(Number))}\t00000000\t0001\t0\t0\t0\t${hex(mask)}\t0\t0\t0\n`;
};

it.each([
  ["no route", [], "10.77.0.0/24"],
  ["the default route alone", [["0.0.0.0", 0]], "10.77.0.0/24"],
  ["a network elsewhere", [["192.168.1.0", 24]], "10.77.0.0/24"],
  ["the first one", [["10.77.0.0", 24]], "10.78.0.0/24"],
  ["a part of it", [["10.77.0.128", 25]], "10.78.0.0/24"],
  ["one host of it", [["10.77.0.9", 32]], "10.78.0.0/24"],
  ["all of 10.0.0.0/8, of a VPN", [["10.0.0.0", 8]], "192.168.77.0/24"],
  [
    "all private networks",
    [
      ["10.0.0.0", 8],
      ["192.168.0.0", 16],
      ["172.16.0.0", 12],
    ],
    "10.77.0.0/24",
  ],
] as const)("with %s: %s is chosen", (_, routes, subnet) => {
  expect(chooseSubnet(header + routes.map(([network, prefix]) => route(network, prefix)).join(""))).toBe(subnet);
});
