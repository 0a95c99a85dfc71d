import { lstatSync } from "node:fs";
import type { Installation } from "../../installation/install-file.ts";
import type { Layout } from "../../installation/layout.ts";
import type { VmFacts } from "./facts.ts";

/**
 * What can be known of a VM whose facts are spoilt: its run directory has its uid, and a VMM that runs is found by that.
 * So it can be listed and stopped, and its uid isn't given to another.
 */
export function recoverVm({ uidFirst, uidCount }: Installation, layout: Layout, vmId: string): VmFacts | undefined {
  const stat = lstatSync(layout.sockets(vmId).directory, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  // The group is the VM's; in a directory that an older helper made, the user was.
  const uid = [stat.gid, stat.uid].find((id) => id >= uidFirst && id < uidFirst + uidCount);
  if (uid === undefined) return undefined;
  return { vm_id: vmId, uid, vmm: { generation: 1, started_at: stat.ctime.toISOString() } };
}
