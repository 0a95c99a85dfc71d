import { expect, it } from "vitest";
import { networkFindings } from "../../../src/daemon/doctor/network-findings.ts";

type Network = Parameters<typeof networkFindings>[0];
const sound: Network = { bridge: "complete", name: "bgr0", rules: "current", forwarding: true, shadows: [] };

it.each<[string, Network, string[]]>([
  ["a sound network", sound, []],
  ["a way that leads elsewhere", { ...sound, leads_elsewhere: "to a VPN" }, ["subnet_taken"]],
  [
    "a bridge without its address, to which no way leads",
    { ...sound, bridge: "incomplete", leads_elsewhere: "nowhere" },
    ["bridge_incomplete"],
  ],
])("of %s is found what is at fault", (_, network, codes) => {
  expect(networkFindings(network, "10.0.0.1/24", true).map(({ code }) => code)).toEqual(codes);
});
