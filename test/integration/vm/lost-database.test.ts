import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { halfOf } from "../../../src/daemon/store/places.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const kept = () => `${host.layout.database}.kept`;
const newest = () => `${host.layout.database}.newest`;
const exchange = (put: (() => string) | undefined) => {
  host.endDaemon();
  copyFileSync(host.layout.database, newest());
  for (const end of ["", "-wal", "-shm"]) rmSync(`${host.layout.database}${end}`, { force: true });
  if (put !== undefined) copyFileSync(put(), host.layout.database);
  return host.startDaemon();
};
/** Keeps a copy of the database, as it is while no daemon runs. */
const keep = async () => {
  host.endDaemon();
  copyFileSync(host.layout.database, kept());
  await host.startDaemon();
};
const codes = async () => {
  const { checks } = await host.doctor(true);
  return checks.flatMap(({ findings }) => findings.map(({ code }) => code));
};

describe("a database that was exchanged for an older one", () => {
  it("costs nothing that it knows nothing of: not a guest that runs, not a disk; all of it is told, also where doctor mends", async () => {
    await keep();
    const running = await host.start((await host.create("running")).name);
    const rests = await host.create("rests");
    await exchange(kept);
    expect(host.services.vms.list()).toEqual([]);
    expect(host.helper.vmms.get(running.id)?.generation).toBe(1);
    for (const { id } of [running, rests]) expect(existsSync(host.layout.vm(id).rootDisk.qcow2)).toBe(true);
    expect(host.services.replaced()).toEqual({ database: "older", unowned: 2 });
    expect(host.logged).toContainEqual(
      expect.objectContaining({ level: "error", message: expect.stringContaining("older") as string }),
    );
    expect(await codes()).toEqual(expect.arrayContaining(["database_replaced", "unowned", "unowned"]));
    expect((await host.reconcile(false)).items).toMatchObject([
      { vm_id: running.id, found: ["directory", "tap", "vmm"], action: "none", unowned: true, outcome: "left" },
      { vm_id: rests.id, found: ["directory"], action: "none", unowned: true, outcome: "left" },
    ]);
    expect(host.helper.vmms.has(running.id)).toBe(true);
  });

  it("is made good by the right one, with which all is as before", async () => {
    await keep();
    const running = await host.start((await host.create("running")).name);
    await exchange(kept);
    renameSync(newest(), kept());
    await exchange(kept);
    expect(await host.until("running", ({ health }) => health === "ok")).toMatchObject({ pid: running.pid });
    expect(host.services.replaced()).toBeUndefined();
    expect(await host.reconcile(true)).toEqual({ items: [] });
  });

  it("has a VM that was started since adopted, as it runs", async () => {
    const { id } = await host.create("web");
    await keep();
    const web = await host.start("web");
    await exchange(kept);
    expect(await host.until("web", ({ health }) => health === "ok")).toMatchObject({ state: "running", pid: web.pid });
    expect(host.helper.vmms.get(id)?.generation).toBe(1);
    expect(await host.reconcile(true)).toEqual({ items: [] });
    expect(await host.kill("web")).toMatchObject({ state: "stopped" });
  });

  it("has all that no record owns removed where that is asked for", async () => {
    await keep();
    const running = await host.start((await host.create("running")).name);
    await exchange(kept);
    expect((await host.reconcile(true, true)).items).toMatchObject([{ vm_id: running.id, action: "remove" }]);
    expect(host.helper.vmms.size).toBe(1);
    expect((await host.reconcile(false, true)).items).toMatchObject([{ vm_id: running.id, outcome: "removed" }]);
    expect(host.helper).toMatchObject({ vmms: new Map(), taps: new Map() });
    expect(existsSync(host.layout.vm(running.id).directory)).toBe(false);
    expect(host.services.replaced()).toBeUndefined();
    expect(await host.reconcile(true)).toEqual({ items: [] });
  });
});

describe("a database that was lost", () => {
  it("costs no image, no kernel, no VM; each daemon says so until it is back", async () => {
    const { id } = await host.create("web");
    await exchange(undefined);
    for (const _ of [1, 2]) {
      expect(host.services.replaced()).toEqual({ database: "new", unowned: 3 });
      expect(host.services.images.list()).toEqual([]);
      expect((await host.reconcile(false)).items.map(({ found, action }) => [found, action])).toEqual([
        [["directory"], "none"],
        [["image"], "none"],
        [["kernel"], "none"],
      ]);
      host.endDaemon();
      await host.startDaemon();
    }
    expect(existsSync(host.layout.vm(id).directory)).toBe(true);
  });
});

describe("what was cut off between record and files", () => {
  it("is put back where its record is there, and removed where it isn't: of VMs, images, kernels and volumes", async () => {
    const { id, image, kernel } = await host.create("web");
    await host.ask(({ volumes }, { signal }) => volumes.create({ name: "data", size_mib: 16 }, signal));
    const [volume] = host.services.volumes.list();
    const homes = [
      host.layout.vm(id).directory,
      dirname(host.layout.image(image.id)),
      host.layout.kernel(kernel.id).directory,
    ];
    const other = (home: string) => join(dirname(home), "0".repeat(home.length - dirname(home).length - 1));
    host.endDaemon();
    for (const home of homes) {
      renameSync(home, halfOf(home));
      mkdirSync(halfOf(other(home)));
      writeFileSync(join(halfOf(other(home)), "disk"), "");
    }
    const disk = host.layout.volume(volume?.id ?? "");
    renameSync(disk, join(host.layout.scratch, `volume-${volume?.id}`));
    writeFileSync(join(host.layout.scratch, `volume-${"0".repeat(16)}`), "");
    await host.startDaemon();
    for (const path of [...homes, disk]) expect([path, existsSync(path)]).toEqual([path, true]);
    for (const home of homes) expect(existsSync(halfOf(other(home)))).toBe(false);
    await expect.poll(async () => (await host.reconcile(true)).items).toEqual([]);
    expect(existsSync(join(host.layout.scratch, `volume-${"0".repeat(16)}`))).toBe(false);
  });
});
