import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

/** A server that answers each connection with the address that it came from. */
const whoAmI = (port: number) =>
  `node -e 'require("node:net").createServer((s) => s.end(s.remoteAddress + "\\n")).listen(${port}, "0.0.0.0", () => console.log("listening"))'`;

/** A name server on loopback alone, which knows each name as 192.0.2.1. */
const nameServer = `node -e 'const s = require("node:dgram").createSocket("udp4");
  s.on("message", (q, r) => {
    const end = q.indexOf(0, 12) + 5;
    const isA = q[end - 3] === 1;
    const a = Buffer.concat([q.subarray(0, end), isA ? Buffer.from([192, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]) : Buffer.alloc(0)]);
    a[2] |= 128; a[3] = 128; a.writeUInt16BE(isA ? 1 : 0, 6); a.fill(0, 8, 12);
    s.send(a, r.port, r.address);
  }).bind(53, "127.0.0.1", () => console.log("listening"))'`;

describe.skipIf(noSandbox)(`a guest's network${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;

  beforeAll(async () => {
    host = await Installation.start({ guest: true });
    // A second network plays what the host reaches: 192.0.2.1, with a server on port 8000.
    await host.sandbox.root(`
      unshare --net sh -c 'ip link set lo up; echo $$ > /mnt/tmp/uplink.pid; exec sleep infinity' >/dev/null 2>&1 &
      until [ -s /mnt/tmp/uplink.pid ]; do read -rt 0.02 <> <(:) || true; done
      uplink=$(cat /mnt/tmp/uplink.pid)
      ip link add up0 type veth peer name up1 netns $uplink
      ip address add 192.0.2.2/24 dev up0
      ip link set up0 up
      in_uplink() { nsenter --target $uplink --net "$@"; }
      in_uplink ip address add 192.0.2.1/24 dev up1
      in_uplink ip address add 169.254.169.254/32 dev up1
      in_uplink ip link set up1 up
      ip route add 169.254.169.254/32 via 192.0.2.1
      (in_uplink ${whoAmI(8000)} > /mnt/tmp/uplink.log 2>&1 &)
      (${whoAmI(9000)} > /mnt/tmp/host.log 2>&1 &)
      echo 'search a.test' > /mnt/tmp/resolv.conf; echo 'nameserver 127.0.0.1' >> /mnt/tmp/resolv.conf
      mount --bind /mnt/tmp/resolv.conf /etc/resolv.conf
      (${nameServer} > /mnt/tmp/names.log 2>&1 &)
      until grep -q listening /mnt/tmp/names.log; do read -rt 0.02 <> <(:) || true; done
      until grep -q listening /mnt/tmp/uplink.log && grep -q listening /mnt/tmp/host.log; do read -rt 0.02 <> <(:) || true; done`);
    for (const name of ["one", "two"]) await host.ok("vm", "create", "--name", name, "--memory-mib", "256");
    await Promise.all(["one", "two"].map((name) => host.ok("vm", "start", name)));
  });
  afterAll(() => host[Symbol.asyncDispose]());

  /** What a connection from a guest gets; empty when it comes to nothing within `seconds`: a guest that still boots is slow. */
  const reaches = async (vm: string, address: string, port: number, seconds = 1) => {
    const script = `timeout ${seconds} bash -c 'exec 3<>/dev/tcp/${address}/${port} && cat <&3'`;
    return (await host.banger(["vm", "exec", vm, "--", "sh", "-c", script])).json<{ stdout: string }>().stdout.trim();
  };

  const says = async (vm: string, script: string) =>
    (await host.banger(["vm", "exec", vm, "--", "sh", "-c", script])).json<{ stdout: string }>().stdout;

  it("reaches what the host reaches, under the host's address", async () => {
    expect(await reaches("one", "192.0.2.1", 8000, 10)).toBe("192.0.2.2");
  });

  it.each([
    ["the host's services", "10.77.0.1", 9000],
    ["the host under another of its addresses", "192.0.2.2", 9000],
    ["cloud metadata", "169.254.169.254", 8000],
  ])("doesn't reach %s", async (_, address, port) => {
    expect(await reaches("one", address, port)).toBe("");
  });

  it("doesn't reach another guest", async () => {
    const { stdout } = (
      await host.banger(["vm", "exec", "one", "--", "sh", "-c", "ping -c1 -W1 10.77.0.3; ping -c1 -W1 10.77.0.1"])
    ).json<{ stdout: string }>();
    expect(stdout).toMatch(/10\.77\.0\.3 ping statistics ---\n1 packets transmitted, 0 received/);
    expect(stdout).toMatch(/10\.77\.0\.1 ping statistics ---\n1 packets transmitted, 1 received/);
  });

  it("doesn't get through with another guest's address", async () => {
    const script = `ip address add 10.77.0.9/24 dev eth0; ping -I 10.77.0.9 -c1 -W1 10.77.0.1; ip address del 10.77.0.9/24 dev eth0`;
    const { stdout } = (await host.banger(["vm", "exec", "two", "--", "sh", "-c", script])).json<{ stdout: string }>();
    expect(stdout).toContain("1 packets transmitted, 0 received");
  });

  it("has two starts at once told apart in the logs", async () => {
    const { operations } = await host.ok<{ operations: { op_id: string; name: string }[] }>("trace", "ls");
    const starts = operations.filter((operation) => operation.name === "banger vm start");
    expect(starts).toHaveLength(2);
    for (const { op_id: opId } of starts) {
      const own = host.daemon?.log.filter((record) => record["op_id"] === opId) ?? [];
      expect(new Set(own.flatMap((record) => record["banger.vm.name"] ?? [])).size).toBe(1);
      expect(host.helper?.log.filter((record) => record["op_id"] === opId)).toHaveLength(7);
    }
  });

  it("has names, of others and its own, though the host's name server is a local one, and after the daemon was restarted", async () => {
    expect(await says("one", "cat /etc/resolv.conf")).toBe("search vm a.test\nnameserver 10.77.0.1\n");
    expect(
      await says(
        "one",
        "getent ahostsv4 outside.test | head -1; getent hosts localhost one | cut -d' ' -f1; hostname -f",
      ),
    ).toMatch(/^192\.0\.2\.1 .*\n::1\n127\.0\.1\.1\none\n$/);
    await host.daemon?.end();
    await host.startDaemon();
    expect(await says("two", "getent ahostsv4 outside.test | head -1; hostname -f")).toMatch(
      /^192\.0\.2\.1 .*\ntwo\n$/,
    );
  });

  it.each([
    ["isolated", { outside: "", host: "1 packets transmitted, 1 received", devices: "eth0\nlo\n" }],
    ["none", { outside: "", host: "Network is unreachable", devices: "lo\n" }],
  ])("that is %s reaches nothing beyond the bridge", async (network, expected) => {
    const vm = `net-${network}`;
    await host.ok("vm", "create", "--name", vm, "--memory-mib", "256", "--network", network);
    await host.ok("vm", "start", vm);
    expect(await reaches(vm, "192.0.2.1", 8000)).toBe(expected.outside);
    expect(await says(vm, "ping -c1 -W1 10.77.0.1 2>&1")).toContain(expected.host);
    expect(await says(vm, "ls /sys/class/net")).toBe(expected.devices);
    if (network === "isolated") {
      // Names outside would be a way out.
      expect(await says(vm, "getent ahostsv4 outside.test one.vm | cut -d' ' -f1 | sort -u")).toBe("10.77.0.2\n");
      // The rules are made anew, from what root remembers.
      await host.sandbox.root(`nft delete table inet ${host.layout.table}`);
      await host.ok("network", "up");
      expect(await reaches(vm, "192.0.2.1", 8000)).toBe("");
      expect(await reaches("one", "192.0.2.1", 8000, 10)).toBe("192.0.2.2");
    } else expect((await host.banger(["vm", "ssh", vm])).error()).toMatchObject({ code: "wrong_state" });
    await host.ok("vm", "delete", "--force", vm);
    const { leases, taps } = (await askHelper(host, "vmm.list")).result as Record<string, unknown[]>;
    expect({ leases, taps: taps?.length }).toMatchObject({ leases: { length: 2 }, taps: 2 });
  });

  it("is let out and kept in while its guest runs, a connection that stands included", async () => {
    await host.sandbox.root(`(nsenter --target $(cat /mnt/tmp/uplink.pid) --net node -e '
      require("node:net").createServer((s) => { s.on("error", () => {}); setInterval(() => s.write("tick\\n"), 100); }).listen(8001, "0.0.0.0", () => console.log("listening"))
    ' > /mnt/tmp/ticks.log 2>&1 &)
      until grep -q listening /mnt/tmp/ticks.log; do read -rt 0.02 <> <(:) || true; done`);
    const grown = `was=$(stat -c %s /run/ticks); for try in $(seq 100); do
      [ "$(stat -c %s /run/ticks)" = "$was" ] || { echo grows; exit; }; sleep 0.1; done; echo stays`;
    await says(
      "one",
      "touch /run/ticks; setsid bash -c 'exec 3<>/dev/tcp/192.0.2.1/8001; cat <&3 >>/run/ticks' >/dev/null 2>&1 &",
    );
    expect(await says("one", grown)).toBe("grows\n");
    const isolated = { network: "isolated", waits: {} };
    expect(await host.ok("vm", "set", "one", "--network", "isolated")).toMatchObject(isolated);
    expect(await reaches("one", "192.0.2.1", 8000)).toBe("");
    expect(await says("one", "stat -c %s /run/ticks; sleep 1; stat -c %s /run/ticks")).toMatch(/^(\d+)\n\1\n$/);
    expect(await host.ok("vm", "set", "one", "--network", "nat")).toMatchObject({ network: "nat", waits: {} });
    expect(await says("one", grown)).toBe("grows\n");
    expect(await reaches("one", "192.0.2.1", 8000, 10)).toBe("192.0.2.2");
  });

  it("finds other guests by name, with the zone and without, also those that it doesn't reach, and by address", async () => {
    const script = "getent ahostsv4 two.vm | head -1; getent ahostsv4 two | head -1; getent hosts 10.77.0.3";
    expect(await says("one", script)).toMatch(/^10\.77\.0\.3 .*\n10\.77\.0\.3 .*\n10\.77\.0\.3 +two\.vm\n$/);
  });

  it("has a machine-id that no other guest has", async () => {
    const ids = await Promise.all(["one", "two"].map((vm) => says(vm, "cat /etc/machine-id")));
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}\n$/);
  });

  it("goes on when somebody removed the bridge, once it is made anew", async () => {
    await host.sandbox.root(`ip link delete ${host.layout.bridge}`);
    await host.ok("network", "up");
    expect(await reaches("one", "192.0.2.1", 8000, 10)).toBe("192.0.2.2");
    expect((await host.banger(["network", "down"])).error()).toMatchObject({ code: "in_use" });
  });

  it("keeps a machine-id that its user gave it", async () => {
    const own = `${"5a".repeat(16)}\n`;
    await says("two", `rm /etc/machine-id; printf '${own.trim()}\\n' > /etc/machine-id; sync`);
    await host.ok("vm", "stop", "two");
    await host.ok("vm", "start", "two");
    expect(await says("two", "cat /etc/machine-id")).toBe(own);
  });
});
