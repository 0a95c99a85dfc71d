import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SeenVmm } from "../../../src/daemon/vmm/vmm-probes.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
beforeEach(async () => {
  host = await ScriptedHost.start();
});
afterEach(() => host[Symbol.asyncDispose]());

/** A Firecracker that can be used, and its jailer. */
const jailer = { path: "/usr/bin/jailer", version: "1.16.1", usable: true, why: "" };
const seen: SeenVmm = {
  kind: "firecracker",
  path: "/usr/bin/firecracker",
  version: "1.16.1",
  usable: true,
  why: "",
  jailer,
};
const qemu = { kind: "qemu" as const, path: "/usr/bin/qemu-system-x86_64", version: "7.2.19", usable: true, why: "" };
function install(found: Partial<SeenVmm> = {}, isJailed = true): void {
  writeFileSync(host.firecracker, "");
  const { jailer: _, ...caged } = seen;
  host.helper.seenVmms = [qemu, { ...(isJailed ? seen : caged), ...found }];
  host.helper.kvm = { usable: true, why: "it was tried" };
}
const startCalls = ["host.look", "bridge.ensure", "nat.ensure", "tap.create", "kvm.probe", "vmm.start"];
const callsOf = async (work: () => Promise<unknown>) => {
  host.helper.calls.length = 0;
  await work();
  return host.helper.calls.filter((name) => startCalls.includes(name) || name === "vmm.probe" || name === "disk.probe");
};

describe("a VM on a host without Firecracker", () => {
  it("has QEMU, says why, and its making and its start ask nothing for that", async () => {
    expect(await callsOf(() => host.create("web"))).toEqual([]);
    expect(host.show("web")).toMatchObject({ vmm: "qemu", vmm_wanted: "auto", accel: null, accel_wanted: "auto" });
    expect(host.show("web").vmm_why).toMatch(/^there is no Firecracker on this host/);
    expect(await callsOf(() => host.start("web"))).toEqual(startCalls);
    expect(host.show("web")).toMatchObject({ vmm: "qemu", accel: "tcg", accel_why: "a scripted host has none" });
    // Its disk is a qcow2 by now, which is not what keeps it from Firecracker.
    expect(host.show("web").vmm_why).toMatch(/^there is no Firecracker on this host/);
  });

  it("that is to be emulated is, without a question", async () => {
    await host.create("web", {}, { accel: "tcg", vmm: "qemu" });
    expect(await callsOf(() => host.start("web"))).toEqual(startCalls.filter((name) => name !== "kvm.probe"));
    expect(host.show("web")).toMatchObject({
      vmm_why: "it was asked for",
      accel: "tcg",
      accel_why: "it was asked for",
      vmm_wanted: "qemu",
      accel_wanted: "tcg",
    });
  });

  it.each([
    ["Firecracker", { vmm: "firecracker" as const }, "missing_tool", "vmm", /`--vmm auto` or `--vmm qemu`/],
    ["KVM", { accel: "kvm" as const }, "host_failed", "accel", /`--accel auto` or `--accel tcg`/],
  ])("is refused with %s, and none is made", async (_, given, code, field, hint) => {
    await expect(host.create("web", {}, given)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`^${field}: `)) as string,
      details: { field, hint: expect.stringMatching(hint) as string },
    });
    expect(host.services.vms.list()).toEqual([]);
  });

  it("has from the config file what nobody names", async () => {
    writeFileSync(host.configPath, '[defaults]\nvmm = "qemu"\naccel = "tcg"\n');
    await host.create("web");
    expect(host.show("web")).toMatchObject({ vmm_wanted: "qemu", accel_wanted: "tcg" });
    await host.create("other", {}, { vmm: "auto", accel: "auto" });
    expect(host.show("other")).toMatchObject({ vmm_wanted: "auto", accel_wanted: "auto" });
  });
});

describe("what the config file asks for and this host hasn't", () => {
  it.each([
    ["vmm", "firecracker", /there is no Firecracker/, { vmm: "auto" as const }],
    ["accel", "kvm", /runs no guest with KVM/, { accel: "auto" as const }],
  ])("%s = %s: is refused with its line, and told by doctor and list", async (key, value, reason, instead) => {
    writeFileSync(host.configPath, `[defaults]\ncpus = 1\n${key} = "${value}"\n`);
    const line = `${host.configPath}:3`;
    await expect(host.create("web")).rejects.toMatchObject({
      code: "bad_config",
      message: expect.stringMatching(new RegExp(`^${line}: defaults.${key}: .*${reason.source}`)) as string,
      details: { field: key, hint: expect.stringMatching(`^Change that line, or ask for .*--${key} auto`) as string },
    });
    const why = expect.stringMatching(reason) as string;
    expect(await host.services.vmms()).toMatchObject({
      auto: { kind: "qemu" },
      default: { kind: null, why, source: line },
    });
    const { checks } = await host.doctor(false);
    expect(checks.find(({ name }) => name === "vmm.choice")?.findings).toMatchObject([
      { code: "default_unfit", level: "error", message: expect.stringContaining(`: ${line}: `) as string },
    ]);
    await host.create("web", {}, instead);
  });

  it("is not what was named beside it: a wish that is given keeps its own words", async () => {
    writeFileSync(host.configPath, '[defaults]\nvmm = "firecracker"\n');
    await expect(host.create("web", {}, { vmm: "firecracker" })).rejects.toMatchObject({ code: "missing_tool" });
    writeFileSync(host.configPath, '[defaults]\nvmm = "qemu"\n');
    expect((await host.services.vmms()).default).toMatchObject({ kind: "qemu", source: `${host.configPath}:2` });
  });
});

describe("a VM on a host with Firecracker", () => {
  beforeEach(() => install());

  it.each([
    ["what never goes together", { accel: "tcg" as const }, "accel"],
    ["a disk that it doesn't read", { disk_kind: "qcow2" as const }, "disk_kind"],
  ])("is refused with %s, and none is made", async (_, given, field) => {
    await expect(host.create("web", {}, { vmm: "firecracker", ...given })).rejects.toMatchObject({
      code: "bad_params",
      message: expect.stringMatching(new RegExp(`^${field}: `)) as string,
      details: { field, hint: expect.stringMatching(/`--vmm qemu`/) as string },
    });
    expect(host.services.vms.list()).toEqual([]);
  });

  it("has it by auto, and a disk that it reads", async () => {
    expect(await callsOf(() => host.create("web"))).toEqual(["vmm.probe", "kvm.probe", "disk.probe"]);
    expect(host.show("web")).toMatchObject({
      vmm: "firecracker",
      vmm_why: "Firecracker and KVM can both be used here",
      disk_kind: "dm-snapshot",
    });
    expect(await callsOf(() => host.create("other"))).not.toContain("vmm.probe");
  });

  it("has QEMU by auto where only a qcow2 can be made, and none where Firecracker was asked for", async () => {
    host.helper.dmSnapshots = { usable: false, why: "no device-mapper" };
    await host.create("web");
    expect(host.show("web")).toMatchObject({
      vmm: "qemu",
      disk_kind: "qcow2",
      vmm_why: expect.stringMatching(/^no reflink: .*; no dm-snapshot: no device-mapper$/) as string,
    });
    await expect(host.create("other", {}, { vmm: "firecracker" })).rejects.toMatchObject({
      code: "host_failed",
      message: expect.stringMatching(/no dm-snapshot: no device-mapper/) as string,
    });
    await host.create("other", { disk_kind: "copy" }, { vmm: "firecracker" });
    expect(host.show("other")).toMatchObject({ vmm: "firecracker", disk_kind: "copy" });
  });

  it("has no device for its disk by auto where Firecracker's jailer isn't there, and none where it was asked for", async () => {
    install({}, false);
    await host.create("web");
    expect(host.show("web")).toMatchObject({ vmm: "qemu", disk_kind: "qcow2" });
    await host.create("other", { disk_kind: "dm-snapshot" });
    expect(host.show("other")).toMatchObject({ vmm: "qemu", disk_kind: "dm-snapshot" });
    await expect(host.create("third", {}, { vmm: "firecracker" })).rejects.toMatchObject({ code: "host_failed" });
    const device = { vmm: "firecracker" as const, disk_kind: "dm-snapshot" as const };
    await expect(host.create("third", {}, device)).rejects.toMatchObject({
      code: "host_failed",
      message: expect.stringMatching(/^disk_kind: Firecracker reads .* in its jail alone/) as string,
    });
  });

  it("whose jailer goes away starts with QEMU by auto where its disk is a device", async () => {
    await host.create("web");
    expect(host.show("web")).toMatchObject({ vmm: "firecracker", disk_kind: "dm-snapshot" });
    install({}, false);
    await host.services.vmms();
    await host.start("web");
    expect(host.show("web")).toMatchObject({ vmm: "qemu", disk_kind: "dm-snapshot" });
  });

  it("with a kernel that Firecracker can't boot has QEMU by auto, and is refused with Firecracker", async () => {
    // Of the same length: one that is cut off is missing.
    writeFileSync(host.layout.kernel(host.kernelId).vmlinux, "MZ\0\0");
    await host.create("web");
    expect(host.show("web")).toMatchObject({
      vmm: "qemu",
      vmm_why: expect.stringMatching(/^Firecracker can't boot this kernel: /) as string,
    });
    await expect(host.create("other", {}, { vmm: "firecracker" })).rejects.toMatchObject({
      code: "bad_params",
      details: { field: "kernel" },
    });
  });

  it("whose Firecracker goes away starts with QEMU by auto, and says why", async () => {
    await host.create("web");
    rmSync(host.firecracker);
    await host.start("web");
    expect(host.show("web")).toMatchObject({
      vmm: "qemu",
      accel: "kvm",
      vmm_why: expect.stringMatching(/^there is no Firecracker/) as string,
    });
  });

  it("whose KVM goes away starts with QEMU by auto, and KVM is asked about once", async () => {
    await host.create("web");
    host.helper.kvm = { usable: false, why: "the device is gone" };
    const calls = await callsOf(() => host.start("web"));
    expect(calls.filter((name) => name === "kvm.probe" || name === "vmm.probe")).toEqual(["kvm.probe"]);
    expect(host.show("web")).toMatchObject({
      vmm: "qemu",
      accel: "tcg",
      vmm_why: "Firecracker needs KVM: the device is gone",
    });
  });

  it("doesn't start with another than it was made for, until it may", async () => {
    await host.create("web", {}, { vmm: "firecracker" });
    rmSync(host.firecracker);
    await expect(host.start("web")).rejects.toMatchObject({
      code: "not_ready",
      details: {
        findings: [{ code: "vmm_unfit", message: expect.stringMatching(/^vmm: there is no Firecracker/) as string }],
        hint: expect.stringMatching(/^`banger vm set web --vmm qemu` /) as string,
      },
    });
    expect(host.show("web")).toMatchObject({ state: "created", vmm: "firecracker", generation: 0 });
    await host.set("web", { vmm: "qemu" });
    expect(host.show("web")).toMatchObject({ vmm: "qemu", vmm_wanted: "qemu", vmm_why: "it was asked for" });
    await host.start("web");
  });

  it("of a probe that fails hears that it did, and the daemon goes on", async () => {
    host.helper.trouble.set("vmm.probe", { fails: new BangerError("host_failed", "no descriptor left (EMFILE)") });
    await expect(host.create("web")).rejects.toMatchObject({ code: "host_failed" });
    host.helper.trouble.clear();
    await host.create("web");
    expect(host.show("web")).toMatchObject({ vmm: "firecracker" });
  });
});

describe("vm set --vmm, --accel", () => {
  beforeEach(async () => {
    await host.create("web", { disk_kind: "qcow2" });
  });

  it("of a VM that runs is so from its next start on", async () => {
    await host.start("web");
    expect(await host.set("web", { accel: "tcg", vmm: "qemu" })).toMatchObject({
      vmm_wanted: "qemu",
      accel_wanted: "tcg",
    });
    expect(host.show("web")).toMatchObject({ accel: "tcg", accel_why: "a scripted host has none" });
    await host.restart("web", 0);
    expect(host.show("web")).toMatchObject({ accel_why: "it was asked for" });
  });

  it.each([
    ["a VMM that isn't there", { vmm: "firecracker" as const }, "vmm", "--vmm qemu"],
    [
      "one of those that can't go together",
      { vmm: "firecracker" as const, accel: "tcg" as const },
      "vmm",
      "--vmm qemu",
    ],
    ["KVM where there is none", { accel: "kvm" as const }, "accel", "--accel auto"],
  ])("refuses %s, changes nothing, and says what can be set", async (_, given, field, instead) => {
    const before = host.show("web");
    const hint = expect.stringContaining(`\`banger vm set web ${instead}\``) as string;
    await expect(host.set("web", { ...given, cpus: 2 })).rejects.toMatchObject({ details: { field, hint } });
    expect({ ...host.show("web"), last_used_at: "" }).toEqual({ ...before, last_used_at: "" });
  });
});

describe("vm set --vmm firecracker of a VM whose disk Firecracker doesn't read", () => {
  const refused = async (given: Parameters<typeof host.set>[1], field: string, reason: RegExp, hint: RegExp) =>
    expect(host.set("web", given)).rejects.toMatchObject({
      message: expect.stringMatching(reason) as string,
      details: { field, hint: expect.stringMatching(hint) as string },
    });
  beforeEach(() => host.create("web", { disk_kind: "qcow2" }));

  it("says first what the host lacks, then that it is to be made anew, and names what was given", async () => {
    const anew = /`banger vm create --vmm firecracker …`/;
    await refused({ vmm: "firecracker" }, "vmm", /^vmm: there is no Firecracker/, anew);
    install();
    host.helper.kvm = { usable: false, why: "there is no /dev/kvm" };
    await refused({ vmm: "firecracker" }, "vmm", /^vmm: Firecracker needs KVM: there is no \/dev\/kvm$/, anew);
    install();
    await refused({ vmm: "firecracker" }, "vmm", /^vmm: Firecracker reads no disk of kind qcow2$/, anew);
    await refused({ vmm: "firecracker", accel: "tcg" }, "accel", /^accel: Firecracker runs guests with KVM/, anew);
  });

  it("says of CPUs what can be set", async () => {
    await host.create("large", { disk_kind: "copy" });
    await host.set("large", { cpus: 33 });
    install();
    await expect(host.set("large", { vmm: "firecracker" })).rejects.toMatchObject({
      details: {
        field: "vmm",
        hint: expect.stringMatching(/`banger vm set large --cpus 32 --vmm firecracker`/) as string,
      },
    });
  });
});

it("vm set --cpus of a VM whose Firecracker is away is done, but not for more than that has", async () => {
  install();
  await host.create("web", {}, { vmm: "firecracker" });
  await expect(host.set("web", { cpus: 33 })).rejects.toMatchObject({ details: { field: "cpus" } });
  rmSync(host.firecracker);
  expect(await host.set("web", { cpus: 3 })).toMatchObject({ cpus: 3, vmm: "firecracker" });
  await expect(host.set("web", { cpus: 33 })).rejects.toMatchObject({ details: { field: "cpus" } });
});

describe("the doctor", () => {
  const choice = async () => {
    const { checks } = await host.doctor(false);
    return checks.find(({ name }) => name === "vmm.choice");
  };

  it("says which VMM auto takes, and why", async () => {
    expect(await choice()).toMatchObject({
      findings: [],
      says: expect.stringMatching(/^auto takes qemu: there is no/) as string,
    });
    install();
    expect((await choice())?.says).toBe("auto takes firecracker: Firecracker and KVM can both be used here");
  });

  it.each<[string, () => void, string[]]>([
    ["a Firecracker without a jailer", () => install({}, false), ["no_jailer"]],
    ["one that is too old", () => install({ version: "1.5.0" }), ["vmm_too_old"]],
    ["one that can't be used", () => install({ usable: false, why: "it is broken" }), ["vmm_unusable"]],
  ])("tells of %s", async (_, happens, expected) => {
    happens();
    expect((await choice())?.findings.map(({ code }) => code)).toEqual(expected);
  });

  it("tells of a VM that can't have what it was made for", async () => {
    install();
    await host.create("web", {}, { vmm: "firecracker" });
    rmSync(host.firecracker);
    const { findings = [] } = (await choice()) ?? {};
    expect(findings.find(({ code }) => code === "vmm_unfit")).toMatchObject({
      level: "error",
      message: expect.stringMatching(/^vm web can't start: vmm: there is no Firecracker/) as string,
    });
  });
});

it("the list has versions, what is too old, and what auto takes", async () => {
  install({ version: "1.5.0" }, false);
  const { vmms, auto } = await host.services.vmms();
  expect(vmms).toMatchObject([
    { kind: "qemu", version: "7.2.19", too_old: false, jailer: null },
    {
      kind: "firecracker",
      version: "1.5.0",
      usable: false,
      why: "version 1.5.0 is too old: banger needs 1.7.0",
      too_old: true,
      least_version: "1.7.0",
      jailer: null,
    },
  ]);
  expect(auto).toMatchObject({ kind: "qemu", why: expect.stringMatching(/too old/) as string });
});

it("a link to nothing in Firecracker's place is told alike by all", async () => {
  install({ usable: false, why: "it can't be looked at (ENOENT)" });
  rmSync(host.firecracker);
  symlinkSync("/nowhere", host.firecracker);
  const { vmms, auto } = await host.services.vmms();
  expect(auto.why).toBe(`${seen.path} can't be used: ${vmms[1]?.why}`);
});
