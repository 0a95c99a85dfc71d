import { qemuFiles } from "../../installation/qemu-files.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";
import type { Unfit } from "./vmm-choice.ts";

/** That a VM can't have the VMM, or what it runs guests by, that was asked for; and how to have it run by another. */
export function unfitFinding({ name }: Pick<Vm, "name">, { field, reason }: Unfit): Finding {
  const set = (flags: string) => `\`banger vm set ${name} ${flags}\``;
  const hintOf = (): string => {
    switch (field) {
      case "accel":
        return `${set("--accel auto")} has it run as this host can.`;
      case "kernel":
        return `${set("--vmm qemu")} has QEMU run it; a new VM can have another kernel: \`banger kernel import\` adds one.`;
      default:
        return `${set("--vmm qemu")} has QEMU run it, ${set("--vmm auto")} what can; \`banger vmm ls\` shows what there is.`;
    }
  };
  return { code: "vmm_unfit", level: "error", message: `${field}: ${reason}`, hint: hintOf() };
}

type Looked = ResultOf<typeof helperContract.hostLook>;

/** What a person does about a file that isn't there; programs of banger's own come with it. */
const remedies: Readonly<Record<string, string>> = {
  [qemuFiles.program]: "Install QEMU: `apt install qemu-system-x86`.",
  [qemuFiles.firmware]: "Install QEMU's firmware: `apt install qemu-system-data`.",
  "/usr/bin/setpriv": "Install setpriv: `apt install util-linux`.",
  "/dev/net/tun": "Load the module: `modprobe tun`; in a container, pass the device to it.",
};

/** What is QEMU's alone; no other VMM misses it. */
const ofQemu: readonly string[] = Object.values(qemuFiles);

/** What the helper lacks for starting a VMM: any, or the one that is meant. */
export function vmmFindings({ missing, uid_is_free: uidIsFree }: Looked, meant: VmmKind = "qemu"): Finding[] {
  const needed = missing.filter(({ path }) => meant === "qemu" || !ofQemu.includes(path));
  const files = needed.map(({ path, why }): Finding => {
    const what = why === "ENOENT" ? "isn't there" : `can't be used by root (${why})`;
    const hint = remedies[path] ?? "It belongs to banger: run `make build`, or install banger again.";
    return { code: "missing", level: "error", message: `${path} ${what}`, hint };
  });
  if (uidIsFree) return files;
  return [
    ...files,
    {
      code: "no_uid",
      level: "error",
      message: "every uid of the range for VMMs is taken",
      hint: "Stop a VM, or raise `uid_count` in the install file and restart bangerd-root.",
    },
  ];
}
