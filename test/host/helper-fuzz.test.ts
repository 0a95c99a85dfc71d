import { describe, expect, it } from "vitest";
import { helperContract } from "../../src/rpc/contract/helper.ts";
import { askHelper } from "../support/ask-helper.ts";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

const requests = Number(process.env["BANGER_FUZZ_REQUESTS"] ?? 1_500);
const seed = Number(process.env["BANGER_FUZZ_SEED"] ?? 8);
/** What chance rarely brings together for them: a tap, a VMM that runs, an image and a disk. */
const needsMore = new Set(["vmm.start", "vmm.limits", "tap.isolate", "disk.attach"]);
const state = "/mnt/tmp/installation/state";

/** Links, rules, processes and files that look nearly like banger's, and aren't. */
const foreign = `
  ip link add bgr5eed0002 type bridge; ip link add bt5ee9911223344 type bridge; ip link set bt5ee9911223344 alias banger:5eed0002:9911223344556677
  ip tuntap add dev bt5ee00112233 mode tap; ip link add other type bridge; ip address add 192.0.2.1/24 dev other
  nft add table inet banger_5eed0002; nft add table inet banger; nft add chain inet banger c '{ type filter hook forward priority 0; }'
  for uid in 62000 62002 62005 61000 0; do setpriv --reuid=$uid --clear-groups sleep 10000 >/dev/null 2>&1 & done
  for f in images/aa kernels/aa vms/00112233445566f0 vms/00112233445566f1 vms/other; do install -d -o owner ${state}/$f; done
  i=$(printf 'a%.0s' {1..64}); install -d ${state}/images/$i ${state}/kernels/$i
  for f in images/$i/root.ext4 kernels/$i/vmlinux vms/00112233445566f0/root.qcow2 vms/00112233445566f0/initrd; do echo x >${state}/$f; done
  chown -R owner:owner ${state}; ln -s /etc/passwd ${state}/vms/00112233445566f1/root.qcow2
  install -d -o 62003 /mnt/tmp/elsewhere; echo x >/mnt/tmp/elsewhere/00112233445566f0.json; echo precious >/mnt/precious`;
const files = `find ${state} /mnt/tmp/elsewhere /mnt/precious /etc/passwd -not -path '*/initrd' -not -name 'console.log*' \\( -type d -printf '%p %m %U %G\\n' -o -printf '%p %m %U %G %s %l\\n' \\) | sort; md5sum /mnt/precious /etc/passwd; pgrep -x sleep`;

describe.skipIf(noSandbox)(`a helper that is sent anything${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  it(`answers ${requests} requests, touches nothing of others', and what it made can be taken away`, async () => {
    await using host = await Installation.create();
    await host.startHelper();
    await host.replaceQemu("exit 1");
    await host.sandbox.root(foreign);
    const before = [await host.hostState(), await host.sandbox.root(files)];
    const { pid } = host.helper ?? {};
    const { stdout, stderr } = await host.sandbox.run([
      "node",
      "test/support/send-requests.ts",
      host.layout.helperSocket,
      String(seed),
      String(requests),
    ]);
    expect(stderr).toBe("");
    const codes = JSON.parse(stdout) as Record<string, number>;
    if (process.env["BANGER_FUZZ_REQUESTS"] !== undefined) console.log(codes);
    expect(Object.keys(codes).filter((code) => code.startsWith("internal"))).toEqual([]);
    expect(codes["ok"], "a good part gets through the schema").toBeGreaterThan(requests / 10);
    for (const { name } of Object.values(helperContract)) {
      // What a start needs, chance rarely brings together: a valid one gets as far as to say what is missing.
      expect(codes, "each method is asked validly").toHaveProperty([
        `${name} ${needsMore.has(name) ? "not_found" : "ok"}`,
      ]);
    }
    expect((await askHelper(host, "helper.ping")).result).toMatchObject({ pid });
    // What reconciling does: every tap, lease and VMM that is listed is released.
    const held = (await askHelper(host, "vmm.list")).result as Record<"taps" | "leases", { vm_id: string }[]>;
    for (const { vm_id } of [...held.taps, ...held.leases]) {
      await askHelper(host, "vmm.stop", { vm_id, generation: 2 ** 31 });
      await askHelper(host, "tap.remove", { vm_id });
    }
    await askHelper(host, "bridge.remove");
    await askHelper(host, "nat.remove");
    const consoles = /^.*console\.log.*\n/gm;
    expect([await host.hostState(), await host.sandbox.root(files)].map((text) => text.replace(consoles, ""))).toEqual(
      before,
    );
  }, 7_200_000);
});
