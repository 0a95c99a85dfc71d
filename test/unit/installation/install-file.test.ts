import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  formatInstallFile,
  installationWarnings,
  parseInstallFile,
  parseSubnet,
} from "../../../src/installation/install-file.ts";
import { layoutOf } from "../../../src/installation/layout.ts";

const good = {
  id: "12ab34cd",
  ownerUid: 1000,
  ownerGid: 1000,
  stateDir: "/var/lib/banger",
  runDir: "/run/banger",
  helperRunDir: "/run/banger-root",
  subnet: "10.77.0.0/24",
  uidFirst: 62000,
  uidCount: 100,
  resolvers: ["1.1.1.1"],
};

describe("an install file", () => {
  it("is read as it was written, with comments between", () => {
    expect(parseInstallFile(`# ours\n\n${formatInstallFile(good)}`)).toEqual(good);
  });

  it.each([
    ["owner_uid = 1000", "owner_uid = 0", /owner_uid/],
    ["owner_uid = 1000", "owner_uid = 62001", /range of the VMMs/],
    ["uid_first = 62000", "uid_first = 65500", /65534 in it/],
    ['id = "12ab34cd"', 'id = "../../x"', /id/],
    ["10.77.0.0/24", "10.77.0.1/24", /not a network address/],
    ["10.77.0.0/24", "8.8.8.0/24", /not a private network/],
    ["10.77.0.0/24", "10.0.0.0/8", /subnet/],
    ["/var/lib/banger", "/var/lib/../etc", /state_dir/],
    ["/var/lib/banger", "var/lib", /state_dir/],
    ['id = "12ab34cd"', 'id = "12ab34cd"\nextra = 1', /extra: not a known key/],
    ['id = "12ab34cd"', 'id = "12ab34cd"\nid = "12ab34cd"', /given twice/],
    ['id = "12ab34cd"', "id: 12ab34cd", /line 1/],
  ])("is refused with %s as %s", (from, to, message) => {
    expect(() => parseInstallFile(formatInstallFile(good).replace(from, to))).toThrow(message);
  });
});

it("the install file that is delivered is a good one", () => {
  const delivered = parseInstallFile(readFileSync("deploy/install.toml", "utf8"));
  expect(delivered).toMatchObject({ ownerUid: 1000 });
  expect(installationWarnings(delivered)).toEqual([]);
});

it.each([
  [60_706, 478, 0],
  [60_706, 479, 1],
  [65_519, 1, 1],
  [65_520, 10, 0],
])("uids from %d, %d of them, are warned of %d times", (uidFirst, uidCount, times) => {
  expect(installationWarnings({ ...good, uidFirst, uidCount })).toHaveLength(times);
});

it("a subnet has addresses between its own and the broadcast one", () => {
  expect(parseSubnet("192.168.0.0/28")).toEqual({
    network: 0xc0a80000,
    prefix: 28,
    first: 0xc0a80001,
    last: 0xc0a8000e,
  });
});

it("no interface name is longer than the kernel takes", () => {
  const layout = layoutOf(good);
  expect(layout.bridge.length).toBeLessThanOrEqual(15);
  expect(layout.tap("0123456789abcdef").length).toBeLessThanOrEqual(15);
});
