import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formatInstallFile, parseInstallFile, parseSubnet } from "../../../src/installation/install-file.ts";
import { layoutOf } from "../../../src/installation/layout.ts";
import { installationWarnings } from "../../../src/installation/uid-range.ts";

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
  zone: "vm.example.org",
};

describe("an install file", () => {
  it("is read as it was written, with comments between", () => {
    expect(parseInstallFile(`# ours\n\n${formatInstallFile(good)}`)).toEqual(good);
  });

  it("says what was installed, all of it or nothing", () => {
    const installed = {
      owner: "alice",
      version: "0.1.0",
      at: "2026-03-01T10:00:00.000Z",
      opId: `op-${"7".repeat(32)}`,
    };
    const text = formatInstallFile({ ...good, installed });
    expect(parseInstallFile(text)).toEqual({ ...good, installed });
    expect(() => parseInstallFile(text.replace(/^op_id.*\n/m, ""))).toThrow("op_id: missing");
  });

  it.each([
    ["owner_uid = 1000", "owner_uid = 0", /owner_uid: 0 must be a number from 1 .*root is no owner/],
    ["owner_uid = 1000", 'owner_uid = "web"', /owner_uid: "web" must be a number .*`id -u`/],
    ["owner_uid = 1000", "owner_uid = 4294967296", /owner_uid: 4294967296 must be/],
    ["owner_uid = 1000", "owner_uid = 0777", /line 2: "owner_uid = 0777" must be/],
    ["owner_uid = 1000", "owner_uid = -1", /line 2/],
    ["owner_uid = 1000\n", "", /owner_uid: missing/],
    ["owner_uid = 1000", "owner_udi = 1000", /owner_udi: not a known key \(line 2\); did you mean owner_uid\?/],
    ["owner_uid = 1000", "onwer_uid = 1000", /did you mean owner_uid\?/],
    ["owner_uid = 1000", "Owner_UID = 1000", /did you mean owner_uid/],
    ["owner_uid = 1000", "owner_uid = 62001", /owner's uid lies in the range of the VMMs' uids \(62000 to 62099\)/],
    ["owner_gid = 1000", "owner_gid = 62001", /owner's gid lies in/],
    ["uid_first = 62000", "uid_first = 65500", /65534 in it/],
    ["uid_first = 62000", "uid_first = 999", /uid_first: 999 must be/],
    ["uid_count = 100", "uid_count = 0", /uid_count: 0 must be/],
    ['id = "12ab34cd"', 'id = "../../x"', /id: "..\/..\/x" is not accepted; it must be 8 digits/],
    ['id = "12ab34cd"', "id = 12345678", /id: 12345678 must be a text; write it in quotes/],
    ['id = "12ab34cd"', 'id = "12AB34CD"', /id/],
    ["10.77.0.0/24", "10.77.0.1/24", /10.77.0.1\/24 is not a network address; its network is 10.77.0.0\/24/],
    ["10.77.0.0/24", "10.77.0.0", /not an IPv4 network/],
    ["10.77.0.0/24", "10.77.0.0/33", /from \/16 to \/29/],
    ["10.77.0.0/24", "10.77.0.0/31", /from \/16 to \/29/],
    ["10.77.0.0/24", "10.0.0.0/8", /from \/16 to \/29/],
    ["10.77.0.0/24", "0.0.0.0/0", /from \/16 to \/29/],
    ["10.77.0.0/24", "10.77.0.0/24/24", /not an IPv4 network/],
    ["10.77.0.0/24", "10.077.0.0/24", /not an IPv4 network/],
    ["10.77.0.0/24", "fd00::/64", /IPv6, which guests don't have/],
    ["10.77.0.0/24", "8.8.8.0/24", /not a private network.*take one of/],
    ["10.77.0.0/24", "224.0.0.0/24", /not a private network/],
    ["10.77.0.0/24", "127.0.0.0/24", /not a private network/],
    ["vm.example.org", "VM", /zone: "VM" must be labels of a-z.*as "vm"/],
    ["vm.example.org", "", /zone: "" must be labels/],
    ["vm.example.org", "vm.", /zone: "vm." must be labels/],
    ["vm.example.org", "a..b", /must be labels/],
    ["vm.example.org", "-vm", /must be labels/],
    ["vm.example.org", "a".repeat(64), /must be labels/],
    ["vm.example.org", `${"a".repeat(40)}.${"b".repeat(40)}`, /longer than 63/],
    ["vm.example.org", "vm.local", /ends with local/],
    ["vm.example.org", "77.10.in-addr.arpa", /ends with arpa/],
    ["vm.example.org", "vm.1", /ends as an address does/],
    ["1.1.1.1", "999.1.1.1", /resolvers: "999.1.1.1" is not an IPv4 address/],
    ["1.1.1.1", "1.1.1.1, 9.9.9.9", /resolvers: " 9.9.9.9" is not/],
    ["1.1.1.1", "224.0.0.1", /no host's address/],
    ["1.1.1.1", "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4", /4 are more/],
    ["/var/lib/banger", "/var/lib/../etc", /state_dir: .* without . and \.\./],
    ["/var/lib/banger", "/var/lib//banger", /empty part/],
    ["/var/lib/banger", "/var/lib//banger", /empty part/],
    ["/var/lib/banger", "/", /state_dir: .*whole file system/],
    ["/var/lib/banger", "var/lib", /state_dir: "var\/lib" is not absolute/],
    ["/var/lib/banger", "", /state_dir: "" is not absolute/],
    ["/var/lib/banger", "/var/a\tb\u0007", /line 4: has a control character/],
    ["/var/lib/banger", "/var/\u2028b", /line 4: has a control character/],
    ["/var/lib/banger", "/var/a\\b", /line 4: .* without escapes/],
    ["/var/lib/banger", "/var/$" + "{HOME}", /state_dir: .*ssh would replace/],
    ["/var/lib/banger", `/var/${"ü".repeat(128)}`, /part of over 255 bytes/],
    ["/var/lib/banger", "/run/banger", /state_dir: \/run\/banger is the run_dir too/],
    ['"/run/banger"', `"/${"r".repeat(94)}"`, /run_dir: 95 bytes are too many .* at most 94/],
    ["/run/banger-root", `/${"h".repeat(76)}`, /helper_run_dir: 77 bytes are too many .* at most 76/],
    ['id = "12ab34cd"', 'id = "12ab34cd"\nextra = 1', /extra: not a known key \(line 2\); the keys are id, owner_uid/],
    ['id = "12ab34cd"', 'id = "12ab34cd"\nid = "12ab34cd"', /id: given twice, in line 2 again/],
    ['id = "12ab34cd"', "id: 12ab34cd", /line 1: "id: 12ab34cd" must be/],
    ['id = "12ab34cd"', '\uFEFFid = "12ab34cd"', /byte order mark/],
    ['id = "12ab34cd"', 'id = "12ab34cd" ours', /line 1/],
    ['id = "12ab34cd"', "id = '12ab34cd", /line 1/],
    ["owner_uid = 1000", "owner_uid = 1e3", /line 2: "owner_uid = 1e3" must be/],
  ])("is refused with %j as %j", (from, to, message) => {
    expect(() => parseInstallFile(formatInstallFile(good).replace(from, to))).toThrow(message);
  });

  it.each(["/srv/a b,c=d:e%f'g$h*i;j", "/srv/-leading", "/srv/~user", "/srv/zażółć/🦊", "/srv/[a]{b}?", "/srv/100%"])(
    "may have %s for a directory",
    (path) => {
      const odd = { ...good, stateDir: path, runDir: `${path}.run`, helperRunDir: `${path}.helper` };
      expect(parseInstallFile(formatInstallFile(odd))).toEqual(odd);
    },
  );

  it.each([
    ["directories within each other", "/run/banger", "/var/lib/banger/run", { runDir: "/var/lib/banger/run" }],
    ["a / at a directory's end", "/run/banger", "/run/banger/", { runDir: "/run/banger" }],
    ["a name server of this host's", "1.1.1.1", "127.0.0.53", { resolvers: ["127.0.0.53"] }],
    ["one name server twice", "1.1.1.1", "1.1.1.1,1.1.1.1", { resolvers: ["1.1.1.1"] }],
  ])("may have %s, as it could before", (_, from, to, read) => {
    expect(parseInstallFile(formatInstallFile(good).replace(`"${from}"`, `"${to}"`))).toMatchObject(read);
  });

  it.each([
    ["no blank", 'id="12ab34cd"'],
    ["blanks and a tab", ' id =\t"12ab34cd" '],
    ["a literal string", "id = '12ab34cd'"],
    ["a comment behind", 'id = "12ab34cd" # ours'],
    ["a comment behind, close", "id = '12ab34cd'# \"ours\""],
  ])("may have %s, as TOML may", (_, line) => {
    expect(parseInstallFile(formatInstallFile(good).replace('id = "12ab34cd"', line))).toEqual(good);
  });

  it("may end its lines as on Windows", () => {
    expect(parseInstallFile(`# ours\n${formatInstallFile(good)}`.replaceAll("\n", "\r\n"))).toEqual(good);
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
