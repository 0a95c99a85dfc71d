import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { idsInFiles } from "./ids-in-files.ts";
import { idsOfUsers, isIn } from "./ids-of-users.ts";
import { processesOf } from "./process-facts.ts";

/** What leasing needs. */
type LeaseDeps = Pick<HelperDeps, "facts" | "installation" | "layout" | "libc">;

/** Why a uid of the range isn't given out. */
type Holder = "VM" | "user" | "file" | "process";

/** The facts of a VM, with a uid of its own that no other VM, process, file or user of this host has. */
export function leaseUid(deps: LeaseDeps, vmId: string): VmFacts {
  const { facts, installation } = deps;
  const known = facts.vm(vmId);
  if (known !== undefined) return known;
  const found = search(deps);
  if (typeof found !== "number") {
    const { uidFirst, uidCount } = installation;
    const held = Object.entries(found).map(([holder, count]) => `${count} a ${holder}'s`);
    throw new BangerError(
      "no_space",
      `none of the ${uidCount} uids from ${uidFirst} on is free for VM ${vmId}: ${held.join(", ")}`,
      {
        details: {
          hint: "Stop a VM: its uid is given to another; or, in the install file, raise uid_count or set uid_first to ids that nobody has.",
        },
      },
    );
  }
  const leased = { vm_id: vmId, uid: found };
  facts.putVm(leased);
  facts.putLastUid(found);
  return leased;
}

/** A uid for VMMs that nobody has; undefined when all are taken. */
export function freeUid(deps: LeaseDeps): number | undefined {
  const found = search(deps);
  return typeof found === "number" ? found : undefined;
}

/** The next free uid after the one given out last, so that one just given back rests as long as it can; else how many are held by what. */
function search({ facts, installation, layout, libc }: LeaseDeps): number | Partial<Record<Holder, number>> {
  const { uidFirst, uidCount } = installation;
  const last = facts.lastUid;
  const from = last === undefined || last < uidFirst || last >= uidFirst + uidCount ? 0 : last - uidFirst + 1;
  const leased = new Set(facts.vms().map((vm) => vm.uid));
  const users = idsOfUsers();
  const filed = idsInFiles(libc, layout);
  const holderOf = (uid: number): Holder | undefined => {
    if (leased.has(uid)) return "VM";
    if (isIn(users, uid)) return "user";
    if (filed.has(uid)) return "file";
    return libc.uidHasProcesses(uid) ? "process" : undefined;
  };
  const held: Partial<Record<Holder, number>> = {};
  for (let step = 0; step < uidCount; step++) {
    const uid = uidFirst + ((from + step) % uidCount);
    const holder = holderOf(uid);
    if (holder === undefined) return uid;
    held[holder] = (held[holder] ?? 0) + 1;
  }
  return held;
}

/** Gives a VM's uid back once it has neither tap nor disk nor VMM nor process. */
export function returnUid({ facts, libc }: Pick<HelperDeps, "facts" | "libc">, vmId: string): void {
  const known = facts.vm(vmId);
  if (known === undefined || known.tap !== undefined || known.disk !== undefined || known.vmm !== undefined) return;
  if (processesOf(libc, known.uid).length === 0) facts.removeVm(vmId);
}
