import type { Finding } from "../../rpc/contract/finding.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";

type Looked = ResultOf<typeof helperContract.hostLook>;

/** What a person does about a file that isn't there; programs of banger's own come with it. */
const remedies: Readonly<Record<string, string>> = {
  "/usr/bin/qemu-system-x86_64": "Install QEMU: `apt install qemu-system-x86`.",
  "/usr/share/qemu/qboot.rom": "Install QEMU's firmware: `apt install qemu-system-data`.",
  "/usr/bin/setpriv": "Install setpriv: `apt install util-linux`.",
  "/dev/net/tun": "Load the module: `modprobe tun`; in a container, pass the device to it.",
};

/** What the helper lacks for starting a VMM. */
export function vmmFindings({ missing, uid_is_free: uidIsFree }: Looked): Finding[] {
  const files = missing.map(({ path, why }): Finding => {
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
