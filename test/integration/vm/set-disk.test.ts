import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { qcow2Size } from "../../../src/daemon/disk/qcow2-header.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { ChangedVm } from "../../../src/rpc/contract/vm.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
  await host.create("web");
});
afterEach(() => host[Symbol.asyncDispose]());

const set = (disk_mib?: number): Promise<ChangedVm> =>
  host.ask(({ vms }, request) => vms.set({ vm: "web", disk_mib }, request));
const gib = 1024;

describe("vm set --disk", () => {
  it("grows a disk that nobody has open", async () => {
    expect(await set(40 * gib)).toMatchObject({ disk_mib: 40 * gib, state: "created" });
    expect(qcow2Size(host.layout.vm(host.show("web").id).rootDisk.qcow2)).toBe(40 * 2 ** 30);
    expect(host.helper.calls).not.toContain("vmm.limits");
  });

  it("grows one under its guest: its VMM may write more first, then it is told", async () => {
    const { id } = await host.start("web");
    expect(await set(40 * gib)).toMatchObject({ disk_mib: 40 * gib, state: "running" });
    expect(host.helper.calls).toContain("vmm.limits");
    expect(host.helper.vmms.get(id)?.vmm.executed).toContain("block_resize");
  });

  it.each([
    ["smaller", 10 * gib, "bad_params"],
    ["absurdly small", 64, "bad_params"],
  ])("refuses what is %s, and says the least", async (_, size, code) => {
    await expect(set(size)).rejects.toMatchObject({ code, details: { field: "disk_mib", least: 20 * gib } });
    expect(host.show("web").disk_mib).toBe(20 * gib);
  });

  it.each([
    ["the same size", 20 * gib],
    ["nothing", undefined],
  ])("of %s changes nothing, and says so", async (_, size) => {
    expect(await set(size)).toMatchObject({ unchanged: true, disk_mib: 20 * gib });
  });

  it("leaves the record true where the helper, or the VMM, can't", async () => {
    const { id } = await host.start("web");
    host.helper.trouble.set("vmm.limits", { fails: new BangerError("command_failed", "no") });
    await expect(set(40 * gib)).rejects.toMatchObject({ code: "step_failed", details: { step: "limits" } });
    host.helper.trouble.clear();
    expect(host.helper.vmms.get(id)?.vmm.executed).not.toContain("block_resize");
    expect(host.show("web").disk_mib).toBe(20 * gib);
    expect(await set(40 * gib)).toMatchObject({ disk_mib: 40 * gib });
  });
});
