import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const remove = (...paths: string[]) => {
  for (const path of paths) rmSync(path, { recursive: true });
};

describe("a VM whose root disk was removed", () => {
  beforeEach(async () => {
    const { id } = await host.create("web");
    remove(host.layout.vm(id).rootDisk.qcow2);
  });

  it("is shown, and said to lack it", async () => {
    const shown = await host.services.vms.show("web");
    expect(shown).toMatchObject({ state: "created", disk_gone: true, disk_used_mib: null });
  });

  it("is refused a start by its name, and a larger disk", async () => {
    await expect(host.start("web")).rejects.toMatchObject({
      code: "not_ready",
      details: { findings: [{ code: "disk_gone", message: expect.stringContaining("root.qcow2") as string }] },
    });
    await expect(host.set("web", { disk_mib: 30_720 })).rejects.toMatchObject({
      code: "not_found",
      plain: expect.stringMatching(/the file of the root disk is gone: .*root\.qcow2/) as string,
    });
    expect(host.show("web")).toMatchObject({ state: "created", error: null });
    await host.delete("web", false);
  });
});

it("makes a host key anew that was removed, and says so", async () => {
  const { id } = await host.create("web");
  remove(host.layout.vm(id).hostKey);
  const started = await host.start("web");
  expect(started).toMatchObject({ state: "running", warnings: [{ code: "host_key_made" }] });
  await host.kill("web");
  expect(await host.start("web")).toMatchObject({ warnings: [] });
});

describe.each(["image", "kernel"] as const)("where the files of an %s are gone and its record is not", (what) => {
  const directory = () => (what === "image" ? host.layout.images : host.layout.kernels);
  const content = () => (what === "image" ? host.services.images : host.services.kernels);
  const name = what === "image" ? "debian" : "linux";

  it("that is told by ls, show and doctor", async () => {
    remove(directory());
    expect(content().list()).toMatchObject([{ name, missing: true }]);
    expect(content().show(name)).toMatchObject({ missing: true });
    const { checks } = await host.doctor(false);
    const stock = checks.find((check) => check.name === "stock")?.findings;
    expect(stock).toMatchObject([{ code: `${what}_missing`, level: "error" }]);
    expect(stock?.[0]?.message).toContain(name);
  });

  it("create and start refuse by its name, before anything is made", async () => {
    await host.create("old");
    remove(directory());
    await expect(host.create("new")).rejects.toMatchObject({
      code: "not_found",
      plain: `${what}: the files of ${name} are gone or cut off`,
      details: { field: what, hint: expect.stringContaining(`banger ${what} import`) as string },
    });
    await expect(host.start("old")).rejects.toMatchObject({
      code: "not_ready",
      details: { findings: [{ code: `${what}_missing` }] },
    });
    expect(host.services.vms.list().map((vm) => vm.name)).toEqual(["old"]);
  });

  it("it can be removed", async () => {
    remove(directory());
    content().remove(name);
    expect(content().list()).toEqual([]);
  });
});
