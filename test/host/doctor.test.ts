import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Finding } from "../../src/rpc/contract/finding.ts";
import { askHelper } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

interface Diagnosis {
  readonly checks: readonly { readonly name: string; readonly findings: readonly Finding[] }[];
  readonly done: readonly string[];
}

/** Puts another file over one, and takes it away again. */
const over = (path: string, text: string, mode = "644") => ({
  plant: `printf '${text}' > /mnt/tmp/planted; chmod ${mode} /mnt/tmp/planted; mount --bind /mnt/tmp/planted ${path}`,
  mend: `umount ${path}`,
});
/** Writes another text into a file of the sandbox's own. */
const into = (path: string, text: string) => ({
  plant: `cat ${path} > /mnt/tmp/was; printf '${text}' > ${path}`,
  mend: `cat /mnt/tmp/was > ${path}`,
});
const subnetTaken = {
  plant: "ip link add other type bridge; ip link set other up; ip address add 10.77.0.9/24 dev other",
  mend: "ip link delete other",
};

/** Lays a Firecracker, and what belongs beside it, where it is looked for. */
const firecracker = (says: string, ...beside: readonly string[]) => ({
  plant: `mount -t tmpfs -o mode=755 tmpfs /usr/local/bin; cd /usr/local/bin; ${["firecracker", ...beside]
    .map((name) => `printf '#!/bin/sh\necho ${says}\n' > ${name}; chmod 755 ${name}`)
    .join("; ")}`,
  mend: "umount /usr/local/bin",
});

/** The same with a jailer, both of which need none of the host's libraries. */
const jailed = (version: string, jailerVersion: string) => ({
  plant: `mount -t tmpfs -o mode=755 tmpfs /usr/local/bin; cd /usr/local/bin
    says() { echo "int main(void) { return puts(\\"$2\\") < 0; }" | cc -x c -include stdio.h -static -o $1 -; }
    says firecracker "Firecracker v${version}"; says jailer "Jailer v${jailerVersion}"`,
  mend: "umount /usr/local/bin",
});

describe.skipIf(noSandbox)(`the doctor${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;

  beforeAll(async () => {
    host = await Installation.start({ stateMib: 64 });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const diagnose = async (...flags: string[]) => {
    const answer = await host.banger(["system", "doctor", ...flags]);
    const { checks, done } = answer.json<Diagnosis>();
    const codes = checks.flatMap(({ name, findings }) => findings.map(({ code }) => `${name} ${code}`));
    return { exit: answer.code, codes, checks, done };
  };

  /** What a sandbox without a kernel, an image and KVM, on a small disk, has the matter with it. */
  const usual = ["kvm no_kvm", "room little_space", "stock no_kernel", "stock no_image"];

  it("finds nothing that keeps a VM from starting, and changes nothing", async () => {
    const before = await host.hostState();
    const { exit, codes } = await diagnose();
    expect({ exit, codes }).toEqual({ exit: 0, codes: usual });
    expect(await host.hostState()).toBe(before);
  });

  it.each<[string, { plant: string; mend: string }, string[]]>([
    [
      "a QEMU that can't be run",
      over("/usr/bin/qemu-system-x86_64", "#!/bin/sh\\n", "644"),
      ["vmm missing", "vmm.choice vmm_unusable"],
    ],
    ["a QEMU of another kind", over("/usr/bin/qemu-system-x86_64", "#!/bin/sh\\n", "755"), ["vmm.choice vmm_unusable"]],
    ["a Firecracker without a jailer", firecracker("Firecracker v1.16.1", "seccomp.bpf"), ["vmm.choice no_jailer"]],
    ["a Firecracker and its jailer", jailed("1.16.1", "1.16.1"), []],
    ["a jailer of another version", jailed("1.16.1", "1.15.0"), ["vmm.choice jailer_differs"]],
    ["a Firecracker that is too old", firecracker("Firecracker v1.5.0", "seccomp.bpf"), ["vmm.choice vmm_too_old"]],
    ["a Firecracker without a filter", firecracker("Firecracker v1.16.1"), ["vmm.choice vmm_unusable"]],
    [
      "another device in the place of that for taps",
      { plant: "mount --bind /dev/null /dev/net/tun", mend: "umount /dev/net/tun" },
      ["vmm missing"],
    ],
    ["a subnet that another link has", subnetTaken, ["network subnet_in_use"]],
    [
      "a subnet beside another link's",
      { ...subnetTaken, plant: subnetTaken.plant.replace("10.77.0.9", "10.78.0.9") },
      [],
    ],
    [
      "a link in the bridge's place",
      { plant: "ip link add bgr5eed0001 type bridge", mend: "ip link delete bgr5eed0001" },
      ["network bridge_foreign"],
    ],
    ["no subordinate ids", into("/etc/subuid", "other:100000:65536\\n"), ["subordinate_ids no_subordinate_ids"]],
    ["subordinate ids by number", into("/etc/subuid", "61000:100000:65536\\n"), []],
    ["too few subordinate ids", into("/etc/subuid", "owner:100000:1000\\n"), ["subordinate_ids no_subordinate_ids"]],
    ["a program that is gone", over("/usr/bin/zstd", "", "644"), ["programs program_missing"]],
    [
      "a chain of another's that drops",
      {
        plant:
          "nft add table inet wall; nft add chain inet wall forward '{ type filter hook forward priority 0; policy drop; }'",
        mend: "nft delete table inet wall",
      },
      ["network forward_dropped"],
    ],
    [
      "a chain of another's that accepts",
      {
        plant: "nft add table inet wall; nft add chain inet wall forward '{ type filter hook forward priority 0; }'",
        mend: "nft delete table inet wall",
      },
      [],
    ],
    [
      "a VM's directory that no VM has",
      {
        plant: "install -d -o owner /mnt/tmp/installation/state/vms/00112233445566ff",
        mend: "rmdir /mnt/tmp/installation/state/vms/00112233445566ff",
      },
      ["leftovers unowned"],
    ],
    [
      "a directory of a VM whose deletion was cut off",
      {
        plant: "install -d -o owner /mnt/tmp/installation/state/vms/00112233445566ff.half",
        mend: "rmdir /mnt/tmp/installation/state/vms/00112233445566ff.half",
      },
      ["leftovers leftover"],
    ],
    [
      "a directory beside those of VMs",
      {
        plant: "install -d -o owner /mnt/tmp/installation/state/vms/notes",
        mend: "rmdir /mnt/tmp/installation/state/vms/notes",
      },
      [],
    ],
  ])("sees %s", async (_, { plant, mend }, expected) => {
    await host.sandbox.root(plant);
    const { codes, checks, exit } = await diagnose();
    await host.sandbox.root(mend);
    expect(codes.filter((code) => !usual.includes(code))).toEqual(expected);
    const levels = checks.flatMap(({ findings }) => findings.map(({ level }) => level));
    expect(exit).toBe(levels.includes("error") ? 1 : 0);
    for (const { hint } of checks.flatMap(({ findings }) => findings)) expect(hint).toMatch(/[.`]$/);
  });

  it("tells a person a line for each check, with the next step below", async () => {
    const { stdout } = await host.person(["doctor"]);
    expect(stdout).toMatch(/^ok {7}vmm\nwarning {2}kvm: there is no \/dev\/kvm|^ok {7}vmm\nwarning {2}kvm: /);
    expect(stdout).toMatch(/\nwarning {2}stock: there is no kernel to make a VM of\n {9}`banger kernel import/);
  });

  it.each([
    ["down", "ip link set TAP down"],
    ["on no bridge", "ip link set TAP nomaster"],
  ])("sees a VM's tap that is %s, and puts it back", async (_, spoil) => {
    const tap = { vm_id: "00112233445566ff", generation: 1, address: "10.77.0.2", mac: "02:00:11:22:33:44" };
    await host.ok("network", "up");
    expect((await askHelper(host, "tap.create", tap)).error).toBeUndefined();
    const name = host.layout.tap(tap.vm_id);
    const seen = async (...flags: string[]) =>
      (await diagnose(...flags)).codes.filter((code) => code.startsWith("network"));
    expect(await seen()).toEqual([]);
    await host.sandbox.root(spoil.replace("TAP", name));
    expect(await seen()).toEqual(["network tap_detached"]);
    await host.ok("network", "up");
    expect(await seen()).toEqual([]);
    expect(await host.sandbox.root(`ip -o link show ${name}`)).toMatch(
      new RegExp(`[<,]UP[,>].* master ${host.layout.bridge} `),
    );
    await askHelper(host, "tap.remove", { vm_id: tap.vm_id, generation: 1 });
    await host.ok("network", "down");
  });

  it("says that programs of a host without systemd-resolved find no VM by name, once there is a network", async () => {
    await host.ok("network", "up");
    const { checks } = await diagnose();
    const { findings } = checks.find(({ name }) => name === "dns.routing") ?? {};
    expect(findings).toMatchObject([{ code: "no_resolver_routing", level: "warning" }]);
    await host.ok("network", "down");
  });

  it("says that the helper is silent, once and soon, and how to restart it", async () => {
    await host.helper?.stop();
    try {
      const { codes, checks } = await diagnose();
      // Who asks whether names are found depends on a network having been up before.
      const others = usual.filter((code) => !code.startsWith("kvm"));
      expect(codes.filter((code) => !code.startsWith("dns"))).toEqual(["vmm helper_unavailable", ...others]);
      expect(checks.find(({ name }) => name === "vmm")?.findings).toMatchObject([
        {
          message: "the helper takes connections and doesn't answer",
          hint: expect.stringMatching(/restart bangerd-root/) as string,
        },
      ]);
      expect((await host.person(["daemon", "status"])).stdout).toMatch(/^helper +unavailable .*restart bangerd-root/m);
    } finally {
      host.helper?.goOn();
    }
  });

  it("says that the helper is away, once", async () => {
    await host.helper?.end();
    const { exit, codes } = await diagnose();
    expect({ exit, codes: codes.filter((code) => code.includes("helper")) }).toEqual({
      exit: 1,
      codes: ["vmm helper_unavailable"],
    });
    await host.startHelper();
  });
});
