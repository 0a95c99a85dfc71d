import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
  await host.create("web", { disk_kind: "dm-snapshot" });
});
afterEach(() => host[Symbol.asyncDispose]());

const gib = 1024;
const [plenty, low] = [2 ** 40, 2 ** 28];
const disk = () => [...host.helper.disks.values()];

describe("a VM whose disk is a device", () => {
  it("has it while it runs, of each start anew, and a VM of another kind has none", async () => {
    expect(disk()).toEqual([]);
    expect(await host.start("web")).toMatchObject({ disk_kind: "dm-snapshot", disk_why: "it was asked for" });
    expect(disk()).toEqual([{ generation: 1, mib: 20 * gib }]);
    await host.kill("web");
    expect(disk()).toEqual([]);
    await host.start("web");
    expect(disk()).toEqual([{ generation: 2, mib: 20 * gib }]);
    host.helper.calls.length = 0;
    await host.create("other");
    await host.start("other");
    await host.kill("other");
    expect(host.helper.calls.filter((name) => name.startsWith("disk."))).toEqual([]);
  });

  it("grows beneath its VMM before that is told", async () => {
    const { id } = await host.start("web");
    const set = (disk_mib: number) =>
      host.ask(({ vms }, request) =>
        vms.set({ vm: "web", disk_mib, label: [], unlabel: [], volume: [], no_volume: [] }, request),
      );
    host.helper.trouble.set("disk.attach", { fails: new BangerError("command_failed", "no") });
    await expect(set(40 * gib)).rejects.toMatchObject({ details: { step: "device" } });
    expect(host.show("web").disk_mib).toBe(20 * gib);
    expect(host.helper.vmms.get(id)?.vmm.executed).not.toContain("block_resize");
    host.helper.trouble.clear();
    expect(await set(40 * gib)).toMatchObject({ disk_mib: 40 * gib });
    expect(disk()).toEqual([{ generation: 1, mib: 40 * gib }]);
    expect(host.helper.vmms.get(id)?.vmm.executed).toContain("block_resize");
  });

  it("is found, and taken away, where no VM owns it any more", async () => {
    for (const id of ["00000000000000aa", host.show("web").id]) host.helper.disks.set(id, { generation: 3, mib: 1 });
    host.endDaemon();
    await host.startDaemon();
    expect(disk()).toEqual([]);
  });

  it("is not started where there is too little room, nor by a helper that knows no such disks", async () => {
    host.room = { free: low - 1, low };
    await expect(host.start("web")).rejects.toMatchObject({ code: "no_space", details: { step: "disk" } });
    host.room = { free: plenty, low };
    host.helper.trouble.set("disk.attach", { fails: new BangerError("unknown_method", "disk.attach") });
    host.helper.trouble.set("disk.detach", { fails: new BangerError("unknown_method", "disk.detach") });
    await expect(host.start("web")).rejects.toMatchObject({ code: "step_failed", details: { step: "disk" } });
    expect(host.show("web")).toMatchObject({ state: "created" });
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
  });

  describe("that comes to the end of the host's room", () => {
    const healthIs = (health: string) => host.until("web", (vm) => vm.health === health);
    const executed = () => host.helper.vmms.get(host.show("web").id)?.vmm.executed ?? [];

    it("stands still before it is there, also for the next daemon, and goes on when there is room", async () => {
      await host.start("web");
      host.room = { free: low - 1, low };
      await host.until("web", ({ health }) => health === "no_space" && executed().includes("stop"));
      await expect(host.exec("web")).rejects.toMatchObject({ code: "no_space" });
      host.endDaemon();
      await host.startDaemon();
      await healthIs("no_space");
      // Not at once when there is a little more: it would stand still again.
      host.room = { free: low + 1, low };
      host.room = { free: plenty, low };
      await host.until("web", ({ id, health }) => health === "ok" && host.helper.vmms.get(id)?.vmm.objects.size === 0);
      host.room = { free: low - 1, low };
      await healthIs("no_space");
    });

    it("is told from one that somebody paused", async () => {
      await host.start("web");
      await host.pause("web");
      host.endDaemon();
      await host.startDaemon();
      await healthIs("paused");
      host.room = { free: low - 1, low };
      host.endDaemon();
      await host.startDaemon();
      await healthIs("paused");
    });

    it("and was quicker than that has its disk mended first, and the reason is the room", async () => {
      const { id } = await host.start("web");
      host.helper.givenUp.add(id);
      host.room = { free: 0, low };
      host.helper.vmms.get(id)?.vmm.event("BLOCK_IO_ERROR", { device: "", action: "stop", nospace: false });
      await healthIs("no_space");
      host.helper.calls.length = 0;
      host.room = { free: plenty, low };
      await healthIs("ok");
      expect(host.helper.calls).toContain("disk.attach");
      expect(host.helper.givenUp.size).toBe(0);
      expect(host.logged).toContainEqual(
        expect.objectContaining({ message: "the kernel had given up the guest's disk; it was mended" }),
      );
    });
  });
});
