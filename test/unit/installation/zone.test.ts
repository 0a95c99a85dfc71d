import { expect, it } from "vitest";
import { reverseZones } from "../../../src/installation/zone.ts";

it.each([
  ["10.77.0.0/24", 1, "0.77.10.in-addr.arpa", "0.77.10.in-addr.arpa"],
  ["10.77.0.0/16", 1, "77.10.in-addr.arpa", "77.10.in-addr.arpa"],
  ["172.16.16.0/20", 16, "16.16.172.in-addr.arpa", "31.16.172.in-addr.arpa"],
  ["10.77.128.0/17", 128, "128.77.10.in-addr.arpa", "255.77.10.in-addr.arpa"],
  ["192.168.5.8/29", 8, "8.5.168.192.in-addr.arpa", "15.5.168.192.in-addr.arpa"],
])("the subnet %s is %d zones of in-addr.arpa", (subnet, count, first, last) => {
  const zones = reverseZones(subnet);
  expect([new Set(zones).size, zones[0], zones.at(-1)]).toEqual([count, first, last]);
});
