import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { processesOf } from "./process-facts.ts";

/** What leasing needs. */
type LeaseDeps = Pick<HelperDeps, "facts" | "installation" | "libc">;

/** The facts of a VM, with a uid of its own that no other VM and no process has. */
export function leaseUid(deps: LeaseDeps, vmId: string): VmFacts {
  const known = deps.facts.vm(vmId);
  if (known !== undefined) return known;
  const uid = freeUid(deps);
  if (uid === undefined) {
    throw new BangerError("no_space", `all ${deps.installation.uidCount} uids for VMMs are taken`, {
      details: { hint: "Stop a VM: its uid is given to the next one." },
    });
  }
  const leased = { vm_id: vmId, uid };
  deps.facts.putVm(leased);
  return leased;
}

/** A uid for VMMs that no VM and no process has; undefined when all are taken. */
export function freeUid({ facts, installation, libc }: LeaseDeps): number | undefined {
  const { uidFirst, uidCount } = installation;
  const taken = new Set(facts.vms().map((vm) => vm.uid));
  for (let uid = uidFirst; uid < uidFirst + uidCount; uid++) {
    if (!taken.has(uid) && !libc.uidHasProcesses(uid)) return uid;
  }
  return undefined;
}

/** Gives a VM's uid back once it has neither tap nor VMM nor process. */
export function returnUid({ facts, libc }: Pick<HelperDeps, "facts" | "libc">, vmId: string): void {
  const known = facts.vm(vmId);
  if (known === undefined || known.tap !== undefined || known.vmm !== undefined) return;
  if (processesOf(libc, known.uid).length === 0) facts.removeVm(vmId);
}
