import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import { vmmProcess } from "./vmm-process.ts";

/** Refuses volumes that another VM's VMM has, or is about to have, of whatever kind: two that write a disk spoil it, whatever the daemon's records say. */
export function mustBeFree(
  { facts, libc }: Pick<HelperDeps, "facts" | "libc">,
  vmId: string,
  volumes: readonly string[],
): void {
  if (volumes.length === 0) return;
  for (const other of facts.vms()) {
    const shared = other.vm_id === vmId ? undefined : other.vmm?.volumes?.find((id) => volumes.includes(id));
    if (shared === undefined) continue;
    // One that has no pid yet is being started.
    if (other.vmm?.pid !== undefined && vmmProcess({ libc }, other) === undefined) continue;
    throw new BangerError("already_exists", `volume ${shared} is VM ${other.vm_id}'s while that runs`);
  }
}
