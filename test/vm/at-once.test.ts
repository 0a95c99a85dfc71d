import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Vm } from "../../src/rpc/contract/vm.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const names = ["one", "two", "three", "four"];

describe.skipIf(noSandbox)(`four VMs at once${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeAll(async () => {
    host = await Installation.start({ guest: true });
    for (const name of names) await host.ok("vm", "create", "--name", name, "--memory", "256M");
    await host.ok("network", "up");
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const atOnce = (...argv: string[]) => Promise.all(names.map((name) => host.ok<Vm>("vm", ...argv, name)));

  it("start, each with a uid, a tap and an address of its own, answer, and leave nothing when they are killed, also one whose tap was removed by hand", async () => {
    const before = await host.hostState();
    const vms = await atOnce("start");
    expect(vms.map(({ state }) => state)).toEqual(names.map(() => "running"));
    const uids = await host.sandbox.root(`stat -c %u ${vms.map(({ pid }) => `/proc/${pid}`).join(" ")}`);
    expect(new Set(uids.trim().split("\n")).size).toBe(names.length);
    const said = await Promise.all(
      names.map((name) => host.ok<{ stdout: string }>("vm", "exec", name, "--", "hostname")),
    );
    expect(said.map(({ stdout }) => stdout)).toEqual(names.map((name) => `${name}\n`));
    expect(await host.ok("system", "reconcile")).toEqual({ items: [] });
    await host.sandbox.root(`ip link delete ${host.layout.tap(vms[0]?.id ?? "")}`);
    expect(await host.ok("system", "reconcile")).toMatchObject({
      items: [{ name: "one", found: ["tap"], action: "none" }],
    });
    await atOnce("kill");
    expect(await host.hostState()).toBe(before);
  });
});
