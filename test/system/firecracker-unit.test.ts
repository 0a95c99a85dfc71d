import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askHelper } from "../support/ask-helper.ts";
import { installFirecracker } from "../support/install-firecracker.ts";
import { Installation } from "../support/installation.ts";
import { patience } from "../support/patience.ts";
import { pretendKvm } from "../support/pretended-kvm.ts";
import { noSandbox } from "../support/sandbox.ts";

const vmId = "00112233445566ff";
const unit = `banger-vm-${vmId}.service`;
const digest = "ab".repeat(32);
const directory = "/mnt/tmp/installation";
const files = [`kernels/${digest}/vmlinux`, `vms/${vmId}/initrd`, `vms/${vmId}/root.raw`];

/** A helper whose mounts are its own, as its unit's settings make them, starts a unit whose mounts are the host's. */
describe.skipIf(noSandbox)(`a jailed Firecracker that is a unit${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  const root = (script: string) => host.sandbox.root(script);

  beforeAll(async () => {
    host = await Installation.create({ systemd: true });
    await pretendKvm(host.sandbox);
    await installFirecracker(host.sandbox, { jailer: true });
    await root(`
      cd ${directory}/state
      for file in ${files.join(" ")}; do mkdir -p $(dirname $file); echo x >$file; done; chown -R owner:owner .
      systemd-run --quiet --collect --property=KillMode=process --property=ProtectSystem=strict \\
        --property=ReadWritePaths=${directory} --unit=bangerd-root.service /mnt/banger/bin/bangerd-root --config ${host.config}
      timeout ${20 * patience} sh -c 'until test -S ${host.layout.helperSocket}; do sleep 0.02; done'`);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it("has its files from the helper's mounts, may make its devices' nodes, and leaves nothing", async () => {
    const before = await root("cut -d' ' -f1,2 /proc/mounts");
    const mac = "02:00:11:22:33:44";
    const asked = { vm_id: vmId, generation: 1, vmm: "firecracker", kernel_id: digest, image_id: digest, mac };
    const shape = { disk_kind: "copy", cpus: 1, memory_mib: 128, accel: "kvm", network: false };
    const { result, error } = await askHelper(host, "vmm.start", { ...asked, ...shape });
    expect(error).toBeUndefined();
    const pid = String(result?.["pid"]);
    expect(await root(`systemctl show --property DeviceAllow --value ${unit} | sort`)).toMatch(
      /^(\/dev\/char\/10:\d+ rwm\n)?\/dev\/kvm rwm\n\/dev\/net\/tun rwm\n$/,
    );
    expect(await root(`ls /proc/${pid}/root/dev`)).toMatch(/^kvm\nnet\nurandom\n/);
    expect(await root(`cat /proc/${pid}/root/kernel`)).toBe("x\n");
    for (const [name, access] of [
      ["root-disk", "rw"],
      ["kernel", "ro"],
      ["initrd", "ro"],
    ]) {
      const options = (await root(`awk '$5 == "/${name}" { print $6 }' /proc/${pid}/mountinfo`)).trim().split(",");
      expect(options, name).toEqual(expect.arrayContaining([access, "nosuid", "nodev", "noexec"]));
    }
    await root(
      `timeout ${20 * patience} sh -c 'until journalctl --output=cat --unit ${unit} | grep -q "^Running Firecracker"; do sleep 0.1; done'`,
    );
    expect((await askHelper(host, "vmm.stop", { vm_id: vmId, generation: 1 })).result).toEqual({ stopped: true });
    expect(await root("systemctl list-units --all --plain --no-legend 'banger-vm-*'")).toBe("");
    expect(await root("cut -d' ' -f1,2 /proc/mounts")).toBe(before);
    expect((await askHelper(host, "vmm.list")).result).toMatchObject({ vmms: [], leases: [], remains: [] });
  });
});
