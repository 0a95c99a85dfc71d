import { rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configShown } from "../../../src/daemon/config/config-shown.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

const writes = (text: string) => writeFileSync(host.configPath, text);
const create = (name: string) => host.ask(({ vms }, request) => vms.create({ name, label: [], volume: [] }, request));
const show = async () => configShown(host.services.config.read(), host.services.named);
const findings = async () =>
  (await host.ask(({ doctor }, { signal, emit }) => doctor.run({ fix: false }, { signal, emit }))).checks.find(
    ({ name }) => name === "config",
  )?.findings;

describe("the owner's config file", () => {
  it("says what a VM is made with, from the next one on", async () => {
    expect(await create("before")).toMatchObject({ cpus: 1, memory_mib: 512, ttl_s: null, on_reboot: "restart" });
    writes(
      '[defaults]\ncpus = 2\nmemory = "1G"\nttl = "2h"\nautostart = true\non_reboot = "stop"\nlabels = { team = "x" }\n',
    );
    expect(await create("after")).toMatchObject({
      cpus: 2,
      memory_mib: 1024,
      disk_mib: 20_480,
      ttl_s: 7200,
      idle_s: null,
      autostart: true,
      on_reboot: "stop",
      labels: { team: "x" },
    });
    expect(host.show("before")).toMatchObject({ cpus: 1, ttl_s: null });
  });

  it("that is broken refuses what is made, and nothing else", async () => {
    await create("web");
    await host.start("web");
    writes("[defaults]\ncpu = 2\n");
    const broken = {
      code: "bad_config",
      plain: expect.stringMatching(/config\.toml:2: defaults\.cpu: .*mean cpus\?$/) as string,
    };
    await expect(create("db")).rejects.toMatchObject(broken);
    await expect(host.run({ name: "db", rm: true })).rejects.toMatchObject(broken);
    await expect(show()).rejects.toMatchObject(broken);
    expect(await findings()).toEqual([
      expect.objectContaining({ code: "bad_config", level: "error", message: broken.plain }),
    ]);
    expect(host.services.vms.list()).toHaveLength(1);
    expect(await host.kill("web")).toMatchObject({ state: "stopped" });
    await host.delete("web", false);
    rmSync(host.configPath);
    expect(await findings()).toEqual([]);
    expect(await create("db")).toMatchObject({ state: "created" });
  });

  it.each(["image", "kernel"])(
    "whose %s isn't there is no sound one, which the doctor says and who shows it",
    async (key) => {
      writes(`[defaults]\ncpus = 1\n${key} = "nope"\n`);
      const message = expect.stringMatching(`config\\.toml:3: defaults\\.${key}: .*nope`) as string;
      expect(await findings()).toEqual([expect.objectContaining({ code: "bad_config", level: "error", message })]);
      const shown = (await show()).keys.filter(({ lacks }) => lacks !== undefined);
      expect(shown).toMatchObject([{ key: `defaults.${key}`, lacks: message }]);
    },
  );

  it.each(["image", "kernel"])("whose %s isn't there says that it is its own, and where", async (key) => {
    writes(`# mine\n[defaults]\n${key} = "gone"\n`);
    const where = new RegExp(`config\\.toml:3: defaults\\.${key}: .*gone`);
    await expect(create("web")).rejects.toMatchObject({
      code: "bad_config",
      plain: expect.stringMatching(where) as string,
    });
    await expect(
      host.ask(({ vms }, request) => vms.create({ label: [], volume: [], [key]: "missing" }, request)),
    ).rejects.toMatchObject({ code: "not_found" });
  });

  it("is shown by key, with where each value is from", async () => {
    expect(await show()).toMatchObject({ path: host.configPath, present: false });
    writes('[defaults]\nmemory = "2G"\n\n[defaults.labels]\nteam = "x"\n');
    const { present, keys } = await show();
    expect(present).toBe(true);
    const shown = Object.fromEntries(keys.map(({ key, value, line }) => [key, [value, line]]));
    expect(shown).toMatchObject({
      "defaults.cpus": [1, null],
      "defaults.memory": ["2G", 2],
      "defaults.ttl": ["0", null],
      "defaults.image": [null, null],
      "defaults.labels": [{ team: "x" }, 4],
    });
  });
});
