import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

// What other tests rely on: a leak of each kind is seen.
describe.skipIf(noSandbox)(`the comparison of host states${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.create();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it("is the same when nothing happened", async () => {
    expect(await host.hostState()).toBe(await host.hostState());
  });

  it.each([
    ["a link", "ip link add leak0 type bridge"],
    ["an address", "ip address add 192.0.2.9/32 dev lo"],
    ["a neighbour", "ip neighbour add 192.0.2.3 lladdr 02:00:00:00:00:01 dev lo nud permanent"],
    ["a table of rules", "nft add table inet leak"],
    ["forwarding", "f=/proc/sys/net/ipv4/ip_forward; echo $((1 - $(cat $f))) > $f"],
    ["a mount", "mkdir /mnt/tmp/leak; mount -t tmpfs leak /mnt/tmp/leak"],
    ["a file", "touch /mnt/tmp/installation/state/leak"],
    ["a process", "sleep 60 >/dev/null 2>&1 &"],
  ])("differs by %s", async (_, leak) => {
    const before = await host.hostState();
    await host.sandbox.root(leak);
    expect(await host.hostState()).not.toBe(before);
  });
});
