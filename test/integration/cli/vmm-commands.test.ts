import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vm } from "../../../src/rpc/contract/vm.ts";
import type { Vmm } from "../../../src/rpc/contract/vmm.ts";
import { CliHost } from "../../support/scripted-daemon.ts";
import { vmCalled } from "../../support/vm.ts";

let host: CliHost;
beforeEach(() => {
  host = new CliHost();
});
afterEach(() => host[Symbol.asyncDispose]());

const qemu: Vmm = {
  kind: "qemu",
  path: "/usr/bin/qemu-system-x86_64",
  version: "7.2.19",
  usable: true,
  why: "it says its version",
  least_version: "7.1.0",
  too_old: false,
  jailer: null,
};
const firecracker: Vmm = { ...qemu, kind: "firecracker", path: "/usr/bin/firecracker", least_version: "1.7.0" };
const jailer = { path: "/usr/bin/jailer", version: "1.16.1", usable: true, why: "" };
const auto = { kind: "qemu" as const, why: "Firecracker needs KVM: there is no /dev/kvm" };

describe("vmm ls", () => {
  it.each<[string, Vmm, RegExp]>([
    [
      "a jailer",
      { ...firecracker, version: "1.16.1", jailer },
      /1\.16\.1 +\/usr\/bin\/firecracker +yes +\/usr\/bin\/jailer 1\.16\.1$/m,
    ],
    ["no jailer", { ...firecracker, version: "1.16.1" }, /\/usr\/bin\/firecracker +yes +none$/m],
    [
      "a version that is too old",
      { ...firecracker, version: "1.5.0", too_old: true },
      /1\.5\.0, too old: 1\.7\.0 is the least/,
    ],
    ["no version", { ...firecracker, version: null, usable: false, why: "it \u001b[2Jdied" }, /unknown .* no: it died/],
  ])("shows each VMM: one with %s", async (_, vmm, shows) => {
    await host.serve({ vmmList: async () => ({ vmms: [qemu, vmm], auto }) });
    const { stdout, stderr, code } = await host.run(["vmm", "ls"]);
    expect(stdout).toMatch(/^VMM +VERSION +PATH +USABLE +JAILER\nqemu +7\.2\.19/);
    expect(stdout).toMatch(shows);
    expect(stderr).toBe("auto takes qemu: Firecracker needs KVM: there is no /dev/kvm\n");
    expect(code).toBe(0);
  });

  it.each([
    [
      { kind: "qemu" as const, why: "it was asked for" },
      "a VM for which none is named gets qemu: /c.toml:3 asks for it\n",
    ],
    [{ kind: null, why: "there is none" }, "a VM for which none is named can't be made: /c.toml:3: there is none\n"],
  ])("says what the config file has a VM get for which none is named", async (own, says) => {
    await host.serve({ vmmList: async () => ({ vmms: [qemu], auto, default: { ...own, source: "/c.toml:3" } }) });
    expect((await host.run(["vmm", "ls"])).stderr).toBe(says);
  });

  it("has what a script reads in JSON, and names alone with -q", async () => {
    await host.serve({ vmmList: async () => ({ vmms: [qemu, firecracker], auto }) });
    expect(JSON.parse((await host.run(["vmm", "ls", "--json"])).stdout)).toEqual({ vmms: [qemu, firecracker], auto });
    expect(await host.run(["vmm", "ls", "-q"])).toMatchObject({ stdout: "qemu\nfirecracker\n", stderr: "" });
  });
});

it.each<[string, Partial<Vm>, RegExp[]]>([
  [
    "chose itself",
    { vmm_wanted: "auto", vmm_why: "there is no Firecracker", accel_wanted: "auto", accel_why: "there is no /dev/kvm" },
    [/^vmm +qemu \(auto: there is no Firecracker\)$/m, /^accel +tcg \(auto: there is no \/dev\/kvm\)$/m],
  ],
  [
    "was asked for",
    { vmm_wanted: "qemu", vmm_why: "it was asked for", accel_wanted: "tcg", accel_why: "it was asked for" },
    [/^vmm +qemu \(it was asked for\)$/m, /^accel +tcg \(it was asked for\)$/m],
  ],
  [
    "will have later",
    { vmm_wanted: "firecracker", vmm_why: "there was none", accel_wanted: "kvm", accel_why: "there was none" },
    [/^vmm .*; firecracker from its next start on$/m, /^accel .*; kvm from its next start on$/m],
  ],
  [
    "is asked for what it has by itself",
    { vmm_wanted: "qemu", vmm_why: "there is no Firecracker", accel_wanted: "tcg", accel_why: "there is no /dev/kvm" },
    [
      /^vmm +qemu \(auto: there is no Firecracker\); asked for from its next start on$/m,
      /^accel +tcg \(auto: there is no \/dev\/kvm\); asked for from its next start on$/m,
    ],
  ],
  [
    "may choose later",
    { vmm_wanted: "auto", vmm_why: "it was asked for", accel_wanted: "auto", accel_why: "it was asked for" },
    [/^vmm +qemu \(it was asked for\); auto from its next start on$/m, /^accel .*; auto from its next start on$/m],
  ],
  ["an older daemon says nothing of", {}, [/^vmm +qemu$/m, /^accel +tcg$/m]],
])("vm show says what runs a VM, of what banger %s", async (_, given, shows) => {
  await host.serve({ vmShow: async () => ({ ...vmCalled("web"), ...given }) });
  const { stdout } = await host.run(["vm", "show", "web"]);
  for (const line of shows) expect(stdout).toMatch(line);
});

it("the doctor says which VMM auto takes, also beside what it found", async () => {
  const finding = { code: "no_jailer", level: "warning" as const, message: "no jailer", hint: "Install it." };
  const says = "auto takes firecracker: it can be used";
  const checks = [
    { name: "vmm.choice", findings: [], says },
    { name: "vmm.choice", findings: [finding], says },
  ];
  await host.serve({ systemDoctor: async () => ({ checks, done: [] }) });
  expect((await host.run(["doctor"])).stdout).toBe(
    `ok       vmm.choice: ${says}\nwarning  vmm.choice: no jailer\n         Install it.\n         ${says}\n`,
  );
});

it.each<[string, Partial<Vm>, string]>([
  ["has by itself", { vmm_why: "there is no Firecracker" }, "web has vmm qemu from its next start on\n"],
  ["was asked for", { vmm_why: "it was asked for" }, "web has vmm qemu\n"],
])("vm set --vmm says from when on a VM has what it %s", async (_, given, says) => {
  await host.serve({ vmSet: async () => ({ ...vmCalled("web"), vmm_wanted: "qemu", ...given }) });
  expect((await host.run(["vm", "set", "web", "--vmm", "qemu"])).stderr).toBe(says);
});
