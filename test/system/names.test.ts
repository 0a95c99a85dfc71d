import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { patience } from "../support/patience.ts";
import { noSandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`names on a host with systemd-resolved${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.create({ systemd: true, guest: true });
    // A name server of the host's, which answers everything, and writes down what it is asked.
    await host.sandbox.root(`
      cat > /mnt/tmp/outside.cjs <<'JS'
        const { appendFileSync } = require("node:fs");
        const server = require("node:dgram").createSocket("udp4");
        server.on("message", (question, from) => {
          appendFileSync("/mnt/tmp/asked", question.toString("latin1").replace(/[^a-z0-9-]+/g, ".") + "\\n");
          const end = question.indexOf(0, 12) + 5;
          const header = Buffer.concat([question.subarray(0, 2), Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])]);
          const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 99]);
          server.send(Buffer.concat([header, question.subarray(12, end), answer]), from.port, from.address);
        });
        server.bind(53, "192.0.2.2");
JS
      ip link add lan0 type veth peer name lan1
      ip link set lan0 up; ip link set lan1 up
      ip address add 192.0.2.2/24 dev lan0
      systemd-run --quiet --collect --unit=outside node /mnt/tmp/outside.cjs
      resolvectl dns lan0 192.0.2.2; resolvectl domain lan0 '~.'
      timeout ${20 * patience} sh -c 'until resolvectl query outside.test >/dev/null 2>&1; do sleep 0.1; done'`);
    await host.startHelper();
    await host.startDaemon();
    await host.ok("vm", "create", "--name", "web", "--memory-mib", "256");
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const getent = async (name: string) => (await host.sandbox.run(["getent", "ahostsv4", name])).stdout.split(" ")[0];
  const finds = (name: string) => expect.poll(() => getent(name), { timeout: 10_000 * patience });
  const routing = async () => {
    const { checks } = (await host.banger(["doctor"])).json<{ checks: { name: string; findings: unknown[] }[] }>();
    return checks.find(({ name }) => name === "dns.routing")?.findings;
  };
  const stateOf = () => host.sandbox.root("ip -oneline link | cut -d: -f2; resolvectl domain; resolvectl dns");

  it("are found while a VM runs, and leave the host never", async () => {
    const before = await stateOf();
    expect(await host.ok("network", "up")).toMatchObject({ names: { routed: true }, warnings: [] });
    expect(await getent("web.vm")).toBe("");

    expect(await host.sandbox.root("resolvectl query --type=SOA vm")).toContain("nobody.invalid");
    const { address } = await host.ok<{ address: string }>("vm", "start", "web");

    expect(await getent("web.vm")).toBe(address);
    expect((await host.sandbox.run(["getent", "hosts", address])).stdout).toMatch(/web\.vm/);
    await host.sandbox.root("systemctl restart systemd-resolved");
    await finds("web.vm").toBe(address);
    expect(await routing()).toEqual([]);
    // Somebody writes a resolv.conf of his own, past the resolver.
    await host.sandbox.root(`cp -P /etc/resolv.conf /mnt/tmp/own; rm /etc/resolv.conf; sed -i.own 's/resolve //; s/ \\[!UNAVAIL=return\\]//' /etc/nsswitch.conf
      echo nameserver 192.0.2.2 > /etc/resolv.conf`);
    expect(await routing()).toMatchObject([{ code: "no_resolver_routing", level: "warning" }]);
    await host.sandbox.root(
      "rm /etc/resolv.conf; mv /mnt/tmp/own /etc/resolv.conf; mv /etc/nsswitch.conf.own /etc/nsswitch.conf",
    );
    expect(await routing()).toEqual([]);
    expect(await getent("outside.test")).toBe("192.0.2.99");
    await host.ok("vm", "stop", "web", "--timeout-s", "1");
    expect(await getent("web.vm")).toBe("");
    await host.ok("network", "down");
    expect(await stateOf()).toBe(before);
    expect(await host.sandbox.root("cat /mnt/tmp/asked")).not.toMatch(/\bvm\b|77\.10/);
  });
});
