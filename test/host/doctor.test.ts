import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Finding } from "../../src/rpc/contract/finding.ts";
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
    ["a QEMU that can't be run", over("/usr/bin/qemu-system-x86_64", "#!/bin/sh\\n", "644"), ["vmm missing"]],
    ["a QEMU of another kind", over("/usr/bin/qemu-system-x86_64", "#!/bin/sh\\n", "755"), []],
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
