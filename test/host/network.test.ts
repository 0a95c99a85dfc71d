import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

/** A program that answers what comes to the relay's port, until its input ends. */
const answersDns = `process.stdin.resume().on("end", () => process.exit());
  const datagrams = require("node:dgram").createSocket("udp4");
  datagrams.on("message", (_, from) => datagrams.send("UDP", from.port, from.address));
  const streams = require("node:net").createServer((socket) => socket.on("error", () => {}).end("TCP"));
  datagrams.bind(10053, "10.77.0.1", () => streams.listen(10053, "10.77.0.1", () => console.log("listening")));`;
/** A guest's program that asks, and prints what it gets in a second. */
const asksDns = `const datagrams = require("node:dgram").createSocket("udp4");
  const print = (bytes) => process.stdout.write(bytes);
  datagrams.on("message", print).send("?", 53, "10.77.0.1");
  require("node:net").connect(53, "10.77.0.1").on("data", print).on("error", () => {});
  setTimeout(() => process.exit(), 1_000);`;

/** A guest's program that asks who has the bridge's address, as many others and then as itself, and waits for an answer (RFC 826). */
const asksAsOthers = `socket(my $s, 17, 3, 0x0608) or die $!;
  my $mac = "\\x02\\x00\\x11\\x22\\x33\\x44";
  my $request = "\\xff" x 6 . $mac . pack("n n n C C n", 0x806, 1, 0x800, 6, 4, 1) . $mac;
  my $link = pack("S n l S C C a8", 17, 0x806, $ARGV[0], 0, 0, 6, "\\xff" x 6);
  for my $sender ((map { pack("C C n", 198, 18, $_) } 1 .. 2000), pack("C4", 10, 77, 0, 2)) {
    send($s, $request . $sender . "\\0" x 6 . pack("C4", 10, 77, 0, 1), 0, $link) or die $!;
  }
  alarm 10;
  my $got;
  do { recv($s, $got, 64, 0) } until unpack("x20 n", $got) == 2;`;

describe.skipIf(noSandbox)(`a network on a host that has one${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.create();
    await host.startHelper();
    await host.sandbox.root(
      "echo nameserver 192.0.2.53 > /mnt/tmp/resolv.conf; mount --bind /mnt/tmp/resolv.conf /etc/resolv.conf",
    );
    await host.startDaemon();
  });
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(async () => {
    await host.ok("network", "down");
    await host.sandbox.root(
      "nft flush ruleset; ip link delete lan0 2>/dev/null || true; ip rule delete pref 100 2>/dev/null || true",
    );
  });

  const lan = `ip link add lan0 type veth peer name lan1; for end in lan0 lan1; do echo 1 > /proc/sys/net/ipv6/conf/$end/disable_ipv6; done; ip link set lan0 up; ip link set lan1 up; ip address add 192.168.5.5/24 dev lan0`;
  const warnings = async () => {
    const { warnings: all } = await host.ok<{ warnings: { code: string; message: string; hint: string }[] }>(
      "network",
      "up",
    );
    // A sandbox has no resolver of its own.
    return all.filter(({ code }) => code !== "no_resolver_routing");
  };

  /** A guest is a namespace on the bridge here, with a pin. */
  const addGuest = () =>
    host.sandbox.root(`
      unshare --net sleep 60 >/dev/null 2>&1 & guest=$!; echo $guest > /mnt/tmp/guest.pid
      until [ "$(readlink /proc/$guest/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do read -rt 0.02 <> <(:) || true; done
      nft add element inet ${host.layout.table} guests '{ 02:00:11:22:33:44 . 10.77.0.2 }'
      ip link add gst0 type veth peer name gst1 address 02:00:11:22:33:44 netns $guest
      ip link set gst0 master ${host.layout.bridge} up
      nsenter --net=/proc/$guest/ns/net sh -c 'ip link set gst1 up; ip address add 10.77.0.2/24 dev gst1'`);
  const inGuest = (command: string) =>
    host.sandbox.root(`exec nsenter --net=/proc/$(cat /mnt/tmp/guest.pid)/ns/net ${command}`);
  const removeGuest = () => host.sandbox.root("ip link delete gst0; kill $(cat /mnt/tmp/guest.pid)");

  const says = async (name: string, type: string, more = "") =>
    (
      await host.sandbox.root(
        `dig +tries=1 +time=2 +norecurse +noall +comments +answer +authority ${more} @10.77.0.1 -p 10053 ${name} ${type}`,
      )
    ).replaceAll(/\s+/g, " ");

  it("answers the host for VMs' names, by UDP and TCP, and for nobody else's; it says how to ask where nothing leads there", async () => {
    // With an address of its own, by which it must not be taken for somebody else.
    await host.sandbox.root(lan);
    const up = await host.ok<{ names: object; warnings: { code: string; hint: string }[] }>("network", "up");
    expect(up.names).toEqual({ zone: "vm", server: "10.77.0.1", port: 10_053, routed: false });
    expect(up.warnings.find(({ code }) => code === "no_resolver_routing")?.hint).toContain(
      "server=/vm/10.77.0.1#10053",
    );
    expect((await host.person(["network", "up"])).stdout).toMatch(/names +<vm>\.vm, of 10\.77\.0\.1 port 10053/);
    expect(await says("vm", "SOA")).toMatch(/NOERROR.*flags: qr aa;.*vm\. 0 IN SOA vm\. nobody\.invalid\. 1 /);
    expect(await says("gone.vm", "A", "+tcp")).toMatch(/NXDOMAIN.*flags: qr aa;.*AUTHORITY SECTION: vm\. 0 IN SOA/);
    expect(await says("-x 10.77.0.1", "")).toMatch(/NOERROR.*1\.0\.77\.10\.in-addr\.arpa\. 0 IN PTR vm\./);
    expect(await says("example.org", "A")).toMatch(/REFUSED.*flags: qr;/);
    expect(await says("vm", "NS", "+edns=1 +noednsneg")).toMatch(/BADVERS/);
    await host.ok("network", "down");
    expect(await host.sandbox.root("ip -oneline link")).not.toMatch(/bg[nm]5eed0001/);
  });

  it.each([
    [
      "an address of another link",
      "ip address add 10.77.0.9/28 dev lan0",
      /link lan0 has the address 10\.77\.0\.9\/28/,
    ],
    [
      "the network of another link",
      "ip address add 10.77.0.200/24 dev lan0",
      /link lan0 has the address 10\.77\.0\.200\/24/,
    ],
    [
      "a route to a part of it",
      "ip route add 10.77.0.128/25 dev lan0",
      /the route 10\.77\.0\.128\/25 leads to link lan0/,
    ],
    ["a route that swallows a part", "ip route add blackhole 10.77.0.4/30", /the route 10\.77\.0\.4\/30/],
    [
      "a VPN's table, asked first",
      "ip route add 10.0.0.0/8 dev lan0 table 52; ip rule add pref 100 lookup 52",
      /guest 10\.77\.0\.2 goes to lan0 \(table 52\)/,
    ],
    [
      "a rule that swallows it",
      "ip rule add pref 100 to 10.77.0.0/24 blackhole",
      /guest 10\.77\.0\.2 is thrown away \(blackhole\)/,
    ],
  ])("is refused where the subnet is in use by %s, and nothing is left of it", async (_, prepare, says) => {
    await host.sandbox.root(`${lan}; ${prepare}`);
    const before = await host.hostState();
    const refused = await host.banger(["network", "up"]);
    expect(refused.code).toBe(75);
    expect(refused.error()).toMatchObject({ code: "in_use", message: expect.stringMatching(says) as string });
    expect(await host.hostState()).toBe(before);
    await host.sandbox.root("ip route delete blackhole 10.77.0.4/30 2>/dev/null || true");
  });

  it.each([
    ["a default route", "ip route add default dev lan0", []],
    ["a network beside it", "ip address add 10.77.1.1/24 dev lan0", []],
    ["a table that isn't asked", "ip route add 10.77.0.0/24 dev lan0 table 52", []],
    ["a wider route, which it tells", "ip route add 10.0.0.0/8 dev lan0", ["subnet_shadows"]],
    ["a wider one that swallows", "ip route add blackhole 10.64.0.0/10", []],
  ])("is made beside %s", async (_, prepare, codes) => {
    await host.sandbox.root(`${lan}; ${prepare}`);
    expect((await warnings()).map(({ code }) => code)).toEqual(codes);
    await host.sandbox.root("ip route delete blackhole 10.64.0.0/10 2>/dev/null || true");
  });

  it("that is there tells where guests' packets go since a VPN came", async () => {
    await host.ok("network", "up");
    await host.sandbox.root(`${lan}; ip route add 10.77.0.0/25 dev lan0`);
    expect(await warnings()).toMatchObject([
      { code: "subnet_taken", message: expect.stringContaining("lan0") as string },
    ]);
  });

  const forward = "{ type filter hook forward priority 0; policy drop; }";
  it.each([
    [
      "a policy that drops",
      `add table ip filter; add chain ip filter FORWARD ${forward}`,
      /chain FORWARD of table ip filter/,
      /nft insert rule ip filter FORWARD iifname bgr5eed0001 accept/,
    ],
    [
      "Docker's, with its place for others",
      `add table ip filter; add chain ip filter DOCKER-USER; add rule ip filter DOCKER-USER return; add chain ip filter FORWARD ${forward}`,
      /FORWARD/,
      /iptables -I DOCKER-USER -i bgr5eed0001/,
    ],
    [
      "ufw's, with its own command",
      `add table ip filter; add chain ip filter ufw-user-forward; add rule ip filter ufw-user-forward tcp dport 22 accept; add chain ip filter FORWARD ${forward}; add rule ip filter FORWARD jump ufw-user-forward`,
      /FORWARD/,
      /ufw route allow in on bgr5eed0001/,
    ],
    [
      "firewalld's last word",
      "add table inet firewalld; add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; }; add rule inet firewalld filter_FORWARD ct state established accept; add rule inet firewalld filter_FORWARD counter reject with icmpx admin-prohibited",
      /chain filter_FORWARD of table inet firewalld/,
      /firewall-cmd .*--add-interface=bgr5eed0001/,
    ],
  ])("names the chain that drops: %s", async (_, rules, says, hint) => {
    await host.sandbox.root(`nft '${rules}'`);
    expect(await warnings()).toEqual([
      {
        code: "forward_dropped",
        message: expect.stringMatching(says) as string,
        hint: expect.stringMatching(hint) as string,
      },
    ]);
    const [, line] = (await host.person(["network", "up"])).stderr.split("\n! ");
    expect(line).toMatch(says);
  });

  it("says of a chain with too many rules that they aren't read, in little time", async () => {
    await host.sandbox.root(`(echo 'add table ip filter'; echo 'add chain ip filter FORWARD ${forward}'
      for i in {1..20000}; do echo "add rule ip filter FORWARD tcp dport $i accept"; done) | nft -f -`);
    expect(await warnings()).toEqual([
      {
        code: "forward_unknown",
        message: expect.stringMatching(/chain FORWARD of table ip filter has too many rules to read/) as string,
        hint: expect.stringMatching(/nft insert rule ip filter FORWARD iifname bgr5eed0001 accept/) as string,
      },
    ]);
    const began = Date.now();
    await host.sandbox.root("echo");
    const entering = Date.now() - began;
    const { spans = [] } = await askHelper(host, "nat.ensure");
    expect(spans.map(({ name }) => name)).toContain("drops find");
    expect(Date.now() - began - entering).toBeLessThan(2_000);
  });

  it.each([
    ["accepts", "add table inet f; add chain inet f c { type filter hook forward priority 0; }"],
    [
      "drops something else",
      "add table inet f; add chain inet f c { type filter hook forward priority 0; }; add rule inet f c tcp dport 25 drop",
    ],
    ["is of another family", `add table ip6 f; add chain ip6 f c ${forward}`],
    [
      "drops what no guest sends",
      "add table ip f; add chain ip f c { type filter hook prerouting priority -300; }; add rule ip f c ip saddr 10.78.0.0/24 drop; add rule ip f c ip saddr 10.77.0.0/24 tcp dport 25 drop",
    ],
    [
      "lets answers pass to a host that has name servers for guests",
      "add table ip f; add chain ip f c { type filter hook input priority 0; policy drop; }; add rule ip f c ct state established,related accept",
    ],
    [
      "lets this host speak to guests",
      "add table ip f; add chain ip f c { type filter hook output priority 0; policy drop; }; add rule ip f c oifname bgr5eed0001 accept",
    ],
    [
      "lets the bridge through, as its hint says",
      `add table ip f; add chain ip f c ${forward}; add rule ip f c iifname bgr5eed0001 accept; add rule ip f c oifname bgr5eed0001 ct state established,related accept`,
    ],
    [
      "lets the subnet through",
      `add table ip f; add chain ip f c ${forward}; add rule ip f c ip saddr 10.77.0.0/24 accept; add rule ip f c ip daddr 10.77.0.0/24 accept`,
    ],
  ])("says nothing of a chain that %s", async (_, rules) => {
    await host.sandbox.root(`nft '${rules}'`);
    expect(await warnings()).toEqual([]);
  });

  it.each([
    [
      "an input policy",
      "input priority 0; policy drop; }",
      "",
      /chain c of table ip f drops what guests answer and ask this host/,
    ],
    [
      "an output policy",
      "output priority 0; policy drop; }",
      "",
      /drops what this host sends to guests.*ssh.*its policy/,
    ],
    [
      "an output policy that lets answers pass",
      "output priority 0; policy drop; }",
      "ct state established accept",
      /drops what this host sends to guests/,
    ],
    [
      "a raw rule",
      "prerouting priority -300; }",
      "ip saddr 10.77.0.0/24 drop",
      /drops all that guests send.*a rule of it/,
    ],
    [
      "a rule for a wider network",
      "prerouting priority -300; }",
      "ip saddr 10.64.0.0/12 counter drop",
      /all that guests send/,
    ],
    ["a rule for the bridge", "postrouting priority 0; }", "oifname bgr5eed0001 drop", /what is sent to guests/],
  ])("says that guests are cut off by %s", async (_, hook, rule, says) => {
    const add = rule === "" ? "" : `; add rule ip f c ${rule}`;
    await host.sandbox.root(`nft 'add table ip f; add chain ip f c { type filter hook ${hook}${add}'`);
    const [warning] = await warnings();
    expect(warning).toMatchObject({ code: "guests_cut_off", message: expect.stringMatching(says) as string });
    // What the hint says helps.
    await host.sandbox.root(/`(nft [^`]*)`/.exec(warning?.hint ?? "")?.[1] ?? "false");
    expect(await warnings()).toEqual([]);
  });

  it.each(["blackhole", "prohibit", "unreachable"])(
    "says that guests are cut off by a rule of routes: %s",
    async (kind) => {
      await host.ok("network", "up");
      await host.sandbox.root(`ip rule add pref 100 to 10.77.0.0/24 ${kind}`);
      expect(await warnings()).toMatchObject([
        { code: "subnet_taken", message: expect.stringContaining("guest 10.77.0.2 is thrown away") as string },
      ]);
    },
  );

  it("lets nothing of a guest's in whose tap was taken off the bridge", async () => {
    const vm = { vm_id: "00112233445566ff", address: "10.77.0.2", mac: "02:00:11:22:33:44" };
    const link = host.layout.tap(vm.vm_id);
    const ipv6 = `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`;
    // A DNS question's datagram to the bridge's address, and a ping of all nodes of the link, both to any MAC.
    const udp = `4500001c00010000401100000a4d00020a4d00010400003500080000`;
    const ping = `6000000000083afffe800000000000000000000000000002ff02000000000000000000000000000180007bb800000000`;
    const frames = [`ffffffffffff0200112233440800${checked(udp)}`, `33330000000102001122334486dd${ping}`];
    const came = async () => {
      await host.sandbox.root(`exec node test/support/send-frames.ts ${link} ${frames.join(" ")}`);
      return (await host.sandbox.root("nft list chain inet seen c")).match(/packets \d+/g);
    };
    await host.ok("network", "up");
    await askHelper(host, "tap.create", vm);
    await host.sandbox.root(`nft 'add table inet seen; add chain inet seen c { type filter hook prerouting priority 0; }
      add rule inet seen c meta nfproto ipv4 iifname ${link} counter; add rule inet seen c meta nfproto ipv6 iifname ${link} counter'
      ip link set ${link} nomaster; echo 0 > /proc/sys/net/ipv4/conf/${link}/rp_filter`);
    expect(await host.sandbox.root(`cat ${ipv6}`)).toBe("1\n");
    await host.sandbox.root(`echo 0 > ${ipv6}`);
    expect(await came()).toEqual(["packets 0", "packets 0"]);
    // Without banger's rules they do come.
    await host.sandbox.root(`nft flush table inet ${host.layout.table}`);
    expect(await came()).toEqual(["packets 1", "packets 1"]);
    await askHelper(host, "tap.remove", vm);
  });

  it.each([
    ["an empty one", "", "0", /^the network is removed$/],
    ["one with a rule", "; add rule ip f c iifname docker0 accept", "1", /stays 1, as chain c of table ip f decides/],
    ["one that drops", "; chain ip f c { policy drop; }", "1", /stays 1, as chain c of table ip f decides/],
  ])("leaves forwarding as others' chains need it: %s", async (_, rule, after, says) => {
    const setting = "/proc/sys/net/ipv4/ip_forward";
    await host.sandbox.root(`echo 0 > ${setting}`);
    await host.ok("network", "up");
    await host.sandbox.root(`nft 'add table ip f; add chain ip f c { type filter hook forward priority 0; }${rule}'`);
    const { stderr } = await host.person(["network", "down"]);
    expect(stderr.trim()).toMatch(says);
    expect((await host.sandbox.root(`cat ${setting}`)).trim()).toBe(after);
    await host.sandbox.root(`echo 0 > ${setting}`);
  });

  it("leads guests' DNS to the daemon, whichever port it has, and mends rules that are gone", async () => {
    expect(await warnings()).toEqual([]);
    const rules = await host.sandbox.root("nft list ruleset");
    expect(rules).toContain("ip daddr 10.77.0.1 udp dport 53 redirect to :10053");
    expect(rules).toContain("ip daddr 10.77.0.1 tcp dport 10053 accept");
    for (const by of ["udp", "tcp"])
      expect(rules).toContain(`ip saddr 10.77.0.1 ${by} sport 10053 meta skuid != 61000 drop`);
    for (const flush of ["ruleset", `table inet ${host.layout.table}`, `chain inet ${host.layout.table} forward`]) {
      await host.sandbox.root(`nft flush ${flush}`);
      await host.ok("network", "up");
      expect(await host.sandbox.root("nft list ruleset")).toBe(rules);
    }
    expect(await askHelper(host, "nat.ensure")).toMatchObject({ result: { table: host.layout.table } });
    const older = await host.sandbox.root("nft list ruleset");
    expect(older.replace(/policy_[0-9a-f]{12}/, "policy_MARK")).toBe(
      readFileSync("test/data/policy.nft", "utf8").replace(/\n\t\telements = .*\n/, "\n"),
    );
    expect(await askHelper(host, "nat.ensure", { dns_port: 53 })).toMatchObject({ error: { code: "bad_params" } });
  });

  it("lets the owner alone answer guests' DNS, whoever takes the port while the daemon is away", async () => {
    await host.ok("network", "up");
    await host.daemon?.end();
    await addGuest();
    const answered = async (uid: number) => {
      const stranger = host.sandbox.spawn(["node", "-e", answersDns], { as: uid });
      if (stranger.stdout !== null) await once(stranger.stdout, "data");
      const got = await inGuest(`node -e '${asksDns}'`);
      stranger.stdin?.end();
      await once(stranger, "close");
      return got;
    };
    expect(await answered(61_001)).toBe("");
    expect((await answered(61_000)).match(/UDP|TCP/g)?.toSorted()).toEqual(["TCP", "UDP"]);
    await removeGuest();
    await host.startDaemon();
  });

  it("remembers no neighbour for a guest that asks as others", async () => {
    await host.ok("network", "up");
    await addGuest();
    const { bridge } = host.layout;
    const link = (await inGuest("ip -oneline link show gst1")).split(":", 1).join("");
    await inGuest(`perl -e '${asksAsOthers}' ${link}`);
    expect(await host.sandbox.root(`ip neigh show dev ${bridge} | grep -c 198.18 || true`)).toBe("0\n");
    await removeGuest();
  });

  it.each([
    ["names no server", "search a.test", /resolv\.conf names none/],
    [
      "can't be asked, as the host's own chain drops it",
      "nameserver 127.0.0.1",
      /chain c of table ip f drops what they ask/,
    ],
  ])("says that guests have no name server when the host %s", async (_, resolvConf, says) => {
    await host.sandbox.root(`echo '${resolvConf}' > /mnt/tmp/resolv.conf
      nft 'add table ip f; add chain ip f c { type filter hook input priority 0; policy drop; }; add rule ip f c ct state established accept'`);
    if (resolvConf.startsWith("search")) await host.sandbox.root("nft flush ruleset");
    expect(await warnings()).toMatchObject([{ code: "no_resolver", message: expect.stringMatching(says) as string }]);
    await host.sandbox.root("echo nameserver 192.0.2.53 > /mnt/tmp/resolv.conf");
  });

  it("is made where the host's resolv.conf can't be read, and says why guests have no name server", async () => {
    await host.daemon?.end();
    await host.sandbox.root("chmod 0 /mnt/tmp/resolv.conf");
    await host.startDaemon();
    expect(await warnings()).toMatchObject([
      { code: "no_resolver", message: expect.stringMatching(/can't be read: permission denied/) as string },
    ]);
    await host.sandbox.root("chmod 644 /mnt/tmp/resolv.conf");
    expect(await warnings()).toEqual([]);
  });

  it("is refused with the next step where /proc/sys can't be written, and nothing is left of it", async () => {
    const before = await host.hostState();
    await host.sandbox.root(
      "nsenter --target $(pgrep -f dist/bangerd-root.cjs | head -1) --mount sh -c 'mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys'",
    );
    const refused = await host.banger(["network", "up"]);
    await host.sandbox.root("umount /proc/sys");
    expect(refused.error()).toMatchObject({
      code: "step_failed",
      details: { hint: expect.stringContaining("ProtectKernelTunables") as string },
    });
    expect(await host.hostState()).toBe(before);
  });
});

/** A packet with the checksum of its IPv4 header in place. */
function checked(hex: string): string {
  const packet = Buffer.from(hex, "hex");
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += packet.readUInt16BE(at);
  packet.writeUInt16BE(~((sum & 0xffff) + (sum >> 16)) & 0xffff, 10);
  return packet.toString("hex");
}
