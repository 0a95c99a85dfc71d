import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VmmChooser, type Wished } from "../../../src/daemon/vmm/vmm-choice.ts";
import { type SeenVmm, VmmProbes } from "../../../src/daemon/vmm/vmm-probes.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

const jailed: SeenVmm = {
  kind: "firecracker",
  path: "/f",
  version: "1.16.1",
  usable: true,
  why: "it says its version",
  jailer: { path: "/j", usable: true, why: "it says its version" },
};

let directory: string;
let calls: string[];
let kvm: { usable: boolean; why: string };
let seen: SeenVmm[];
let failure: Error | undefined;
let kernelTrouble: string | undefined;
let probes: VmmProbes;
let chooser: VmmChooser;

const firecracker = () => join(directory, "firecracker");
const jailer = () => join(directory, "jailer");

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-choice-"));
  calls = [];
  kvm = { usable: true, why: "it was tried" };
  seen = [jailed];
  failure = undefined;
  kernelTrouble = undefined;
  const call = async ({ name }: { name: string }) => {
    calls.push(name);
    if (name === "kvm.probe") return kvm;
    if (failure !== undefined) throw failure;
    return { vmms: seen };
  };
  const helper = { call } as never;
  probes = new VmmProbes({ helper, places: { firecracker: [firecracker()], jailer: [jailer()] } });
  chooser = new VmmChooser({ helper, probes, kernelTrouble: () => kernelTrouble });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

const choose = (given: Partial<Wished> = {}) =>
  chooser.choose({ vmm: "auto", accel: "auto", cpus: 1, diskKind: "auto", ...given });
const install = () => writeFileSync(firecracker(), "");

describe("of a host without Firecracker", () => {
  it("takes QEMU, and asks nobody", async () => {
    expect(await choose()).toEqual({
      kind: "qemu",
      why: `there is no Firecracker on this host (${firecracker()})`,
      disks: ["reflink", "qcow2"],
      accelerator: undefined,
    });
    expect(calls).toEqual([]);
  });

  it("refuses who insists", async () => {
    expect(await choose({ vmm: "firecracker" })).toMatchObject({ code: "missing_tool", field: "vmm" });
  });
});

/** All that can speak against Firecracker, the most important first: how it comes to be, how it goes, and what is said of it. */
const reasons: readonly [what: string, is: () => void, isNot: () => void, says: RegExp, field: string][] = [
  ["no program", () => undefined, install, /^there is no Firecracker on this host/, "vmm"],
  ["a program that is too old", () => (seen = [old]), () => (seen = [unjailed]), /too old/, "vmm"],
  ["no KVM", () => (kvm = noKvm), () => (kvm = { usable: true, why: "" }), /^Firecracker needs KVM: /, "vmm"],
  ["the kernel", () => (kernelTrouble = "a bzImage"), () => (kernelTrouble = undefined), /this kernel/, "kernel"],
];
const old: SeenVmm = { kind: "firecracker", path: "/f", version: "1.6.9", usable: true, why: "" };
const unjailed: SeenVmm = { ...old, version: "1.16.1" };
const noKvm = { usable: false, why: "there is no /dev/kvm" };

it.each<[disk: Wished["diskKind"], says: RegExp]>([
  ["qcow2", /qcow2/],
  ["dm-snapshot", /in its jail alone/],
])(
  "of many reasons tells that which weighs most: program, KVM, kernel, a disk of kind %s, CPUs",
  async (diskKind, saysOfDisk) => {
    for (const [, is] of reasons) is();
    const wished = { kernelId: "k", cpus: 33, diskKind };
    const told = async (says: RegExp, field: string, given: Partial<Wished>) => {
      expect(await choose(given)).toMatchObject({ kind: "qemu", why: expect.stringMatching(says) as string });
      const insists = await choose({ ...given, vmm: "firecracker" });
      expect(insists).toMatchObject({ field, reason: expect.stringMatching(says) as string });
    };
    for (const [, , isNot, says, field] of reasons) {
      await told(says, field, wished);
      isNot();
      probes.forget();
    }
    await told(saysOfDisk, "disk_kind", wished);
    await told(/32 CPUs/, "cpus", { ...wished, diskKind: "copy" });
  },
);

it("tells that there is no program before that tcg was asked for", async () => {
  expect(await choose({ accel: "tcg", vmm: "firecracker" })).toMatchObject({ field: "vmm", code: "missing_tool" });
  install();
  expect(await choose({ accel: "tcg", vmm: "firecracker" })).toMatchObject({ field: "accel", code: "bad_params" });
});

describe("of a host with Firecracker", () => {
  beforeEach(install);

  it("takes it, with KVM, and asks about it once", async () => {
    for (let n = 0; n < 3; n++) {
      expect(await choose()).toEqual({
        kind: "firecracker",
        why: "Firecracker and KVM can both be used here",
        disks: ["reflink", "dm-snapshot"],
        accelerator: { kind: "kvm", why: "it was tried" },
      });
    }
    expect(calls.filter((name) => name === "vmm.probe")).toHaveLength(1);
    expect(await choose({ vmm: "firecracker" })).toMatchObject({ kind: "firecracker", why: "it was asked for" });
  });

  it.each<[string, () => void]>([
    ["the program is another", () => writeFileSync(firecracker(), "newer")],
    ["a jailer came", () => writeFileSync(jailer(), "")],
    ["there is another helper", () => probes.forget()],
  ])("asks again when %s", async (_, happens) => {
    await choose();
    happens();
    await choose();
    expect(calls.filter((name) => name === "vmm.probe")).toHaveLength(2);
  });

  it("asks again after a minute about one that can't be used", async () => {
    vi.useFakeTimers();
    seen = [{ kind: "firecracker", path: "/f", usable: false, why: "it is broken" }];
    expect(await choose()).toMatchObject({ kind: "qemu", why: "/f can't be used: it is broken" });
    await choose();
    expect(calls.filter((name) => name === "vmm.probe")).toHaveLength(1);
    vi.advanceTimersByTime(60_000);
    await choose();
    expect(calls.filter((name) => name === "vmm.probe")).toHaveLength(2);
  });

  it.each<[string, () => void, Partial<Wished>, RegExp, { code: string; field: string }]>([
    [
      "KVM is away",
      () => (kvm = { usable: false, why: "there is no /dev/kvm" }),
      {},
      /^Firecracker needs KVM: there is no \/dev\/kvm$/,
      { code: "host_failed", field: "vmm" },
    ],
    [
      "it is too old",
      () => (seen = [{ kind: "firecracker", path: "/f", version: "1.6.9", usable: true, why: "" }]),
      {},
      /^\/f is version 1\.6\.9, which is too old: banger needs 1\.7\.0$/,
      { code: "host_failed", field: "vmm" },
    ],
    ["the helper finds none", () => (seen = []), {}, /finds no Firecracker/, { code: "host_failed", field: "vmm" }],
    [
      "the helper is older",
      () => (failure = new BangerError("unknown_method", "vmm.probe")),
      {},
      /older than Firecracker's support/,
      { code: "host_failed", field: "vmm" },
    ],
    [
      "its kernel is none for it",
      () => (kernelTrouble = "it is a bzImage"),
      { kernelId: "k" },
      /^Firecracker can't boot this kernel: it is a bzImage$/,
      { code: "bad_params", field: "kernel" },
    ],
    [
      "the disk is a qcow2",
      () => undefined,
      { diskKind: "qcow2" },
      /qcow2/,
      { code: "bad_params", field: "disk_kind" },
    ],
    [
      "the disk is a device, and there is no jailer",
      () => (seen = [{ kind: "firecracker", path: "/f", version: "1.16.1", usable: true, why: "" }]),
      { diskKind: "dm-snapshot" },
      /in its jail alone/,
      { code: "host_failed", field: "disk_kind" },
    ],
    [
      "the disk is a device, and the jailer can't be used",
      () => (seen = [{ ...jailed, jailer: { path: "/j", usable: false, why: "it fails" } }]),
      { diskKind: "dm-snapshot" },
      /in its jail alone/,
      { code: "host_failed", field: "disk_kind" },
    ],
    ["it has more CPUs", () => undefined, { cpus: 33 }, /32 CPUs/, { code: "bad_params", field: "cpus" }],
    ["tcg is asked for", () => undefined, { accel: "tcg" }, /KVM alone/, { code: "bad_params", field: "accel" }],
  ])("takes QEMU when %s, and refuses who insists", async (_, happens, given, why, refusal) => {
    happens();
    const chosen = await choose(given);
    expect(chosen).toMatchObject({ kind: "qemu", why: expect.stringMatching(why) as string });
    expect(await choose({ ...given, vmm: "firecracker" })).toMatchObject({
      ...refusal,
      reason: expect.stringMatching(why) as string,
    });
  });

  it.each([
    ["the process has no descriptor left", Object.assign(new Error("x"), { code: "EMFILE" })],
    ["the helper is away", new BangerError("helper_unavailable", "away")],
  ])("fails when %s, and asks again then", async (_, error) => {
    failure = error;
    await expect(choose()).rejects.toBe(error);
    failure = undefined;
    expect(await choose()).toMatchObject({ kind: "firecracker" });
  });

  it("is asked nothing for one that is to have QEMU", async () => {
    expect(await choose({ vmm: "qemu" })).toMatchObject({ kind: "qemu", why: "it was asked for" });
    expect(calls).toEqual([]);
  });
});

describe("of QEMU", () => {
  it.each<[Wished["accel"], boolean, unknown, string[]]>([
    ["auto", true, { kind: "qemu", accelerator: undefined }, []],
    ["tcg", true, { kind: "qemu", accelerator: { kind: "tcg", why: "it was asked for" } }, []],
    ["kvm", true, { kind: "qemu", accelerator: { kind: "kvm", why: "it was asked for" } }, ["kvm.probe"]],
    ["kvm", false, { code: "host_failed", field: "accel" }, ["kvm.probe"]],
  ])("runs guests by %s as asked for, where KVM's being usable is %s", async (accel, usable, expected, asked) => {
    kvm = { usable, why: "as a test says" };
    expect(await choose({ vmm: "qemu", accel })).toMatchObject(expected as object);
    expect(calls).toEqual(asked);
  });
});
