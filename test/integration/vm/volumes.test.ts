import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import type { Volume } from "../../../src/rpc/contract/volume.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

const mib = 1024 * 1024;

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const create = (name: string, size_mib = 64): Promise<Volume> =>
  host.ask(({ volumes }, { signal }) => volumes.create({ name, size_mib }, signal));
const list = () => host.services.volumes.list();
const names = () => list().map(({ name }) => name);
const files = () => {
  const directory = dirname(host.layout.volume("0"));
  return existsSync(directory) ? readdirSync(directory).toSorted() : [];
};
const remove = async (name: string) => host.services.volumes.remove(name);
const vmWith = (name: string, ...volume: string[]) => host.create(name, {}, { volume });
/** What is on the host is what the records say, and nothing is half made. */
const nothingElse = () => {
  expect(files()).toEqual(
    list()
      .map(({ id }) => `${id}.raw`)
      .toSorted(),
  );
  expect(existsSync(host.layout.scratch) ? readdirSync(host.layout.scratch) : []).toEqual([]);
};

describe("a volume", () => {
  it("is an empty file system of the owner's alone, with holes, that is found by its id", async () => {
    const volume = await create("data", 1024);
    expect(volume).toMatchObject({ name: "data", size_mib: 1024, used_by: null });
    const stat = statSync(host.layout.volume(volume.id));
    expect([stat.size, stat.mode & 0o777]).toEqual([1024 * mib, 0o600]);
    expect(volume.used_mib).toBeLessThan(32);
    expect(host.services.volumes.show("da")).toEqual(volume);
    nothingElse();
    await expect(create("data")).rejects.toMatchObject({ code: "already_exists", details: { field: "name" } });
    expect(await remove("data")).toEqual({ id: volume.id, name: "data" });
    expect(list()).toEqual([]);
    nothingElse();
    await expect(remove("data")).rejects.toMatchObject({ code: "not_found", details: { field: "volume" } });
  });

  it("that can't be made leaves nothing", async () => {
    mkdirSync(dirname(host.layout.volume("0")));
    chmodSync(dirname(host.layout.volume("0")), 0o500);
    const cancelled = AbortSignal.abort(new BangerError("cancelled", "it was cancelled"));
    await expect(
      host.ask(({ volumes }) => volumes.create({ name: "data", size_mib: 64 }, cancelled)),
    ).rejects.toMatchObject({ code: "cancelled" });
    expect(list()).toEqual([]);
    nothingElse();
  });

  it("is made larger, never smaller, and not under a VM that runs", async () => {
    const { id } = await create("data", 64);
    const grow = async (size_mib: number) => host.services.volumes.grow({ volume: "data", size_mib });
    expect(await grow(96)).toMatchObject({ size_mib: 96 });
    await vmWith("web", "data:/srv");
    expect(await grow(128)).toMatchObject({ size_mib: 128 });
    expect(await grow(128)).toMatchObject({ size_mib: 128, unchanged: true });
    expect(statSync(host.layout.volume(id)).size).toBe(128 * mib);
    await expect(grow(64)).rejects.toMatchObject({ code: "bad_params", details: { field: "size_mib", least: 128 } });
    await host.start("web");
    await expect(grow(256)).rejects.toMatchObject({ code: "in_use", details: { used_by: ["web"] } });
    expect(statSync(host.layout.volume(id)).size).toBe(128 * mib);
  });
});

describe("a VM's volumes", () => {
  it("are made where there is none of the name, told of it, given to its VMM, and stay when it goes", async () => {
    const data = await create("data");
    const vm = await vmWith("web", "data:/srv/my data", "cache:/var/cache:128M");
    expect(vm.volumes).toMatchObject([
      { id: data.id, name: "data", path: "/srv/my data", size_mib: 64, work_disk: false },
      { name: "cache", path: "/var/cache", size_mib: 128, work_disk: false },
    ]);
    expect(list().map(({ name, used_by: user }) => [name, user?.vm, user?.path])).toEqual([
      ["data", "web", "/srv/my data"],
      ["cache", "web", "/var/cache"],
    ]);
    await host.start("web");
    expect(host.helper.volumes.get(vm.id)).toEqual(vm.volumes?.map(({ id }) => id));
    await expect(remove("data")).rejects.toMatchObject({ code: "in_use", details: { used_by: ["web"] } });
    expect(await host.delete("web", true)).toEqual({ id: vm.id, name: "web", stopped_by: "kill" });
    expect(list().map(({ name, used_by: user }) => [name, user])).toEqual([
      ["data", null],
      ["cache", null],
    ]);
    nothingElse();
  });

  it.each<[string, string[], number | undefined, object]>([
    ["another VM's", ["taken:/srv"], undefined, { code: "in_use", details: { field: "volume", used_by: ["other"] } }],
    ["two at one place", ["a:/srv", "b:/srv"], undefined, { code: "bad_params", details: { field: "volume" } }],
    ["one at two places", ["a:/srv", "a:/opt"], undefined, { code: "bad_params", details: { field: "volume" } }],
    ["of another size", ["free:/srv:128M"], undefined, { code: "bad_params", details: { field: "volume" } }],
    ["where the work disk is", ["a:/home"], 64, { code: "bad_params", details: { field: "volume" } }],
    [
      "nine with the work disk",
      Array.from({ length: 8 }, (_, n) => `v${n}:/v${n}`),
      64,
      { code: "bad_params", details: { field: "volume" } },
    ],
  ])("(%s) are refused before anything is made", async (_, volume, work_disk_mib, error) => {
    await vmWith("other", "taken:/data:64M");
    await create("free");
    const given = { volume, ...(work_disk_mib === undefined ? {} : { work_disk_mib }) };
    await expect(host.create("web", {}, given)).rejects.toMatchObject(error);
    expect(names()).toEqual(["taken", "free"]);
    expect(host.services.vms.list().map(({ name }) => name)).toEqual(["other"]);
    nothingElse();
  });

  it("of a create that fails are taken back, and those that were made for it go", async () => {
    await create("data");
    // Another VM comes to have it between looking and taking.
    const [first, second] = await Promise.allSettled([
      vmWith("one", "new:/new:64M", "data:/srv"),
      vmWith("two", "other:/new:64M", "data:/srv"),
    ]);
    expect([first.status, second.status].toSorted()).toEqual(["fulfilled", "rejected"]);
    const failed = first.status === "rejected" ? first : second;
    expect((failed as PromiseRejectedResult).reason).toMatchObject({ code: "in_use" });
    expect(list().every(({ used_by: user }) => user !== null)).toBe(true);
    expect(names()).toHaveLength(2);
    nothingElse();
  });

  it("make a start ask the helper no more than one without them", async () => {
    await vmWith("web", "data:/srv:64M");
    await host.start("web");
    expect(host.helper.calls.filter((name) => name === "host.look")).toHaveLength(1);
  });

  it("keep it from being started by a helper that would leave them out, or where a disk is missing", async () => {
    const { volumes: [data] = [] } = await vmWith("web", "data:/srv:64M");
    host.helper.olderThanVolumes = true;
    await expect(host.start("web")).rejects.toMatchObject({
      code: "not_ready",
      details: { findings: [{ code: "helper_older" }] },
    });
    host.helper.olderThanVolumes = false;
    rmSync(host.layout.volume(String(data?.id)));
    await expect(host.start("web")).rejects.toMatchObject({
      code: "not_ready",
      details: { findings: [{ code: "volume_missing" }] },
    });
    expect(host.helper.vmms.size).toBe(0);
    expect(list()).toMatchObject([{ used_mib: null }]);
    const grown = host.ask(async ({ volumes }) => volumes.grow({ volume: "data", size_mib: 128 }));
    await expect(grown).rejects.toMatchObject({ code: "not_found" });
    await host.set("web", { no_volume: ["data"] });
    expect(await remove("data")).toMatchObject({ name: "data" });
    await host.start("web");
  });

  it("are changed while it doesn't run", async () => {
    const { id } = await vmWith("web", "old:/srv:64M");
    await vmWith("other", "taken:/srv:64M");
    await create("data");
    const changed = await host.set("web", { no_volume: ["old"], volume: ["data:/srv", "new:/new:64M"] });
    expect(changed.volumes?.map(({ name, path }) => [name, path])).toEqual([
      ["data", "/srv"],
      ["new", "/new"],
    ]);
    expect((await host.set("web", { no_volume: ["data"], volume: ["data:/elsewhere"] })).volumes).toMatchObject([
      { name: "new" },
      { name: "data", path: "/elsewhere" },
    ]);
    expect(list().find(({ name }) => name === "old")).toMatchObject({ used_by: null });
    for (const [given, code] of [
      [{ volume: ["taken:/x"] }, "in_use"],
      [{ volume: ["old:/new"] }, "bad_params"],
      [{ no_volume: ["taken"] }, "bad_params"],
      [{ no_volume: ["none"] }, "not_found"],
    ] as const) {
      const asked = { volume: [], no_volume: [], ...given };
      await expect(host.set("web", asked as { volume: string[] })).rejects.toMatchObject({ code });
    }
    await expect(host.set("web", { volume: ["data:/other"] })).rejects.toMatchObject({
      plain: "volume: web has data already, at /elsewhere",
      details: { hint: expect.stringContaining("--no-volume data") as string },
    });
    await host.start("web");
    await expect(host.set("web", { no_volume: ["new"] })).rejects.toMatchObject({ code: "wrong_state" });
    expect(host.helper.volumes.get(id)).toHaveLength(2);
    nothingElse();
  });
});

describe("a change of volumes that fails", () => {
  const vm = () => host.show("web").volumes?.map(({ name, path }) => [name, path]);
  const change = () => host.set("web", { no_volume: ["a", "b"], volume: ["new:/new:64M", "b:/new/b"] });
  beforeEach(() => vmWith("web", "a:/a:64M", "b:/b:64M"));

  it("while it makes a new one leaves the VM what it had, which nobody could remove meanwhile", async () => {
    const { volumes } = host.services;
    const removed = vi.fn(() => volumes.remove("a"));
    vi.spyOn(volumes, "create").mockImplementationOnce(async () => {
      expect(removed).toThrow(expect.objectContaining({ code: "in_use" }));
      throw new BangerError("no_space", "the disk is full");
    });
    await expect(change()).rejects.toMatchObject({ details: { step: "make_volumes" } });
    expect(removed).toHaveBeenCalledOnce();
    expect(vm()).toEqual([
      ["a", "/a"],
      ["b", "/b"],
    ]);
    expect(names()).toEqual(["a", "b"]);
    nothingElse();
  });

  it.each<[string, () => unknown, string[][], string[]]>([
    ["one that was taken from it was removed", () => remove("a"), [["b", "/b"]], ["b"]],
    ["another VM has come to have one", () => vmWith("db", "a:/srv"), [["b", "/b"]], ["a", "b"]],
    [
      "nobody did anything",
      () => undefined,
      [
        ["a", "/a"],
        ["b", "/b"],
      ],
      ["a", "b"],
    ],
  ])("afterwards gives the VM back what there is, where %s", async (_, meanwhile, had, left) => {
    host.atStep = async ({ operation, step, when }) => {
      if (operation !== "vm.set" || step !== "record" || when !== "before") return;
      await meanwhile();
      throw new Error("it fails");
    };
    const failure = (await change().catch((error: unknown) => error)) as BangerError;
    expect(failure).toMatchObject({ code: "step_failed" });
    expect(failure.details).not.toHaveProperty("not_undone");
    expect(vm()).toEqual(had);
    expect(names()).toEqual(left);
    nothingElse();
  });
});

describe("a work disk", () => {
  const withWorkDisk = (name: string) => host.create(name, {}, { work_disk_mib: 64 });

  it("is a volume at /home, called as its VM, and goes with it", async () => {
    const vm = await withWorkDisk("web");
    expect(vm.volumes).toMatchObject([{ name: "web", path: "/home", work_disk: true }]);
    expect(list()).toMatchObject([{ name: "web", used_by: { vm: "web", work_disk: true } }]);
    expect(await host.delete("web", false)).toMatchObject({ work_disk: { name: "web", kept: false } });
    expect(list()).toEqual([]);
    nothingElse();
  });

  it("goes alone, also where another volume is called as its id", async () => {
    const { volumes: [own] = [] } = await withWorkDisk("web");
    const id = "a".repeat(16);
    // Ids are drawn; this one could be a name.
    host.database.prepare("PRAGMA foreign_keys = OFF").run();
    host.database.prepare("UPDATE volumes SET id = ? WHERE id = ?").run(id, String(own?.id));
    host.database.prepare("UPDATE volume_uses SET volume_id = ?").run(id);
    host.database.prepare("PRAGMA foreign_keys = ON").run();
    renameSync(host.layout.volume(String(own?.id)), host.layout.volume(id));
    await create(id);
    await host.delete("web", false);
    expect(names()).toEqual([id]);
    nothingElse();
  });

  it("that is kept is a volume from then on, which no VM takes with it", async () => {
    const { volumes: [own] = [] } = await withWorkDisk("web");
    expect(await host.delete("web", false, undefined, true)).toMatchObject({ work_disk: { name: "web", kept: true } });
    await expect(withWorkDisk("web")).rejects.toMatchObject({
      code: "already_exists",
      details: { field: "work_disk_mib", hint: expect.stringContaining("--volume web:/home") },
    });
    const again = await vmWith("web", "web:/home");
    expect(again.volumes).toMatchObject([{ id: own?.id, path: "/home", work_disk: false }]);
    await host.delete("web", false);
    expect(names()).toEqual(["web"]);
  });

  it.each<[string, boolean, boolean]>([
    ["stays: its guest is asked to go first", true, true],
    ["goes too: its guest is killed", false, false],
  ])("of a VM that is deleted while it runs %s", async (_, keep, asked) => {
    await host.create("web", {}, { work_disk_mib: 64 });
    const { id } = await host.start("web");
    let wasAsked = false;
    const agent = host.helper.vmms.get(id)?.vmm.agent;
    Object.assign(agent ?? {}, {
      onShutdown: () => {
        wasAsked = true;
        void host.helper.vmmEnds(id, { status: 0, signal: null });
      },
    });
    const deleted = await host.delete("web", true, {}, keep);
    expect(wasAsked).toBe(asked);
    // How it went is told where it was to go in order.
    expect((deleted as { stopped_by?: string }).stopped_by).toBe(asked ? "agent" : undefined);
    await expect(host.services.vms.show("web")).rejects.toMatchObject({ code: "not_found" });
  });

  it("goes with a VM that is pruned, or is kept, and that is said before", async () => {
    await withWorkDisk("web");
    const prune = (dry_run: boolean, keep_work: boolean) =>
      host.ask(({ vms }, request) =>
        vms.prune({ older_s: 0, label: [], only: [], dry_run, keep_work, force: true }, request),
      );
    const [going, kept] = [await prune(true, false), await prune(true, true)];
    expect(going.vms).toMatchObject([{ work_disk: { name: "web", kept: false } }]);
    expect(kept.vms).toMatchObject([{ work_disk: { name: "web", kept: true } }]);
    expect(going.freed_mib).toBeGreaterThan(kept.freed_mib);
    await prune(false, true);
    expect(names()).toEqual(["web"]);
    await host.create("two", {}, { work_disk_mib: 64 });
    await prune(false, false);
    expect(names()).toEqual(["web"]);
    nothingElse();
  });

  it("goes with the command that its VM was made for; a volume stays", async () => {
    await host.run({ name: "job", rm: true, work_disk_mib: 64, volume: ["out:/out:64M"] });
    expect(names()).toEqual(["out"]);
    expect(list()).toMatchObject([{ used_by: null }]);
    nothingElse();
  });

  it("of a create that a daemon's end cut off is gone when the next one starts", async () => {
    await withWorkDisk("web");
    host.database.prepare("UPDATE vms SET state = 'creating'").run();
    host.endDaemon();
    await host.startDaemon();
    expect(host.services.vms.list()).toEqual([]);
    expect(list()).toEqual([]);
    nothingElse();
  });

  it("of a create whose other volume a daemon's end cut off is gone too, and the same is made then", async () => {
    const { volumes } = host.services;
    const make = volumes.create.bind(volumes);
    const second = Promise.withResolvers<void>();
    vi.spyOn(volumes, "create")
      .mockImplementationOnce(make)
      .mockImplementationOnce(() => {
        second.resolve();
        return new Promise(() => undefined);
      });
    const asked = () => host.create("web", {}, { work_disk_mib: 64, volume: ["new:/x:64M"] });
    void asked();
    await second.promise;
    host.endDaemon();
    await host.startDaemon();
    expect(list()).toEqual([]);
    nothingElse();
    expect((await asked()).volumes?.map(({ name, path }) => [name, path])).toEqual([
      ["web", "/home"],
      ["new", "/x"],
    ]);
  });

  it("is never another one that came to be called so meanwhile", async () => {
    host.atStep = async ({ step, when }) => {
      if (step === "volumes" && when === "before") await create("web");
    };
    await expect(withWorkDisk("web")).rejects.toMatchObject({ code: "already_exists" });
    expect(list()).toMatchObject([{ name: "web", used_by: null }]);
    nothingElse();
  });
});

describe("doctor", () => {
  it("tells of a volume whose disk is missing, and of a disk that is no volume's, and removes neither", async () => {
    const { id } = await create("data");
    rmSync(host.layout.volume(id));
    writeFileSync(host.layout.volume("feed".repeat(4)), "somebody's");
    host.endDaemon();
    await host.startDaemon();
    const { checks } = await host.ask(({ doctor }, request) =>
      host.services.operations.run("system.doctor", request, (context) => doctor.run({ fix: false }, context)),
    );
    expect(checks.flatMap(({ findings }) => findings).filter(({ code }) => code.startsWith("volume_"))).toMatchObject([
      { code: "volume_missing", level: "error" },
      { code: "volume_unknown", level: "warning" },
    ]);
    expect(files()).toEqual([`${"feed".repeat(4)}.raw`]);
    expect(names()).toEqual(["data"]);
  });
});
