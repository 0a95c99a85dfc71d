import type { Vmm } from "../../../rpc/contract/vmm.ts";
import { table } from "../../output/table.ts";

/** VMMs as a table. */
export function vmmTable(vmms: readonly Vmm[]): string {
  return table(
    ["VMM", "VERSION", "PATH", "USABLE", "JAILER"],
    vmms.map((vmm) => [vmm.kind, versionText(vmm), vmm.path, usableText(vmm), jailerText(vmm)]),
    "no VMMs; `apt install qemu-system-x86` brings the first one",
  );
}

function versionText({ version, too_old: isOld, least_version: least }: Vmm): string {
  return `${version ?? "unknown"}${isOld ? `, too old: ${least} is the least` : ""}`;
}

function usableText({ usable, why }: Pick<Vmm, "usable" | "why">): string {
  return usable ? "yes" : `no: ${why}`;
}

function jailerText({ kind, jailer }: Vmm): string {
  if (jailer === null) return kind === "firecracker" ? "none" : "";
  const what = `${jailer.path}${jailer.version === null ? "" : ` ${jailer.version}`}`;
  return jailer.usable ? what : `${what}, not usable: ${jailer.why}`;
}
