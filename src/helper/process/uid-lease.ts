import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Facts, VmFacts } from "../files/facts.ts";
import { processesOf, uidsInUse } from "./process-facts.ts";

/** The facts of a VM, with a uid of its own that no other VM and no process has. */
export function leaseUid(facts: Facts, installation: Installation, vmId: string): VmFacts {
  const known = facts.vm(vmId);
  if (known !== undefined) return known;
  const leased = { vm_id: vmId, uid: freeUid(facts, installation) };
  facts.putVm(leased);
  return leased;
}

/** A uid for VMMs that no VM and no process has. */
export function freeUid(facts: Facts, { uidFirst, uidCount }: Installation): number {
  const taken = new Set([...facts.vms().map((vm) => vm.uid), ...uidsInUse()]);
  for (let uid = uidFirst; uid < uidFirst + uidCount; uid++) if (!taken.has(uid)) return uid;
  throw new BangerError("no_space", `all ${uidCount} uids for VMMs are taken; stop a VM`);
}

/** Gives a VM's uid back once it has neither tap nor VMM nor process. */
export function returnUid(facts: Facts, vmId: string): void {
  const known = facts.vm(vmId);
  if (known === undefined || known.tap !== undefined || known.vmm !== undefined) return;
  if (processesOf(known.uid).length === 0) facts.removeVm(vmId);
}
