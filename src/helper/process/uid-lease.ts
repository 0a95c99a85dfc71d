import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Facts, VmFacts } from "../files/facts.ts";
import { processesOf } from "./process-facts.ts";

/** The facts of a VM, with a uid of its own that no other VM and no process has. */
export function leaseUid(facts: Facts, installation: Installation, vmId: string): VmFacts {
  const known = facts.vm(vmId);
  if (known !== undefined) return known;
  const taken = new Set(facts.vms().map((vm) => vm.uid));
  for (let uid = installation.uidFirst; uid < installation.uidFirst + installation.uidCount; uid++) {
    if (taken.has(uid) || processesOf(uid).length > 0) continue;
    const leased = { vm_id: vmId, uid };
    facts.putVm(leased);
    return leased;
  }
  throw new BangerError("no_space", `all ${installation.uidCount} uids for VMMs are taken; stop a VM`);
}

/** Gives a VM's uid back once it has neither tap nor VMM nor process. */
export function returnUid(facts: Facts, vmId: string): void {
  const known = facts.vm(vmId);
  if (known === undefined || known.tap !== undefined || known.vmm !== undefined) return;
  if (processesOf(known.uid).length === 0) facts.removeVm(vmId);
}
