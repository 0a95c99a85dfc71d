import type { Wished } from "../vmm/vmm-choice.ts";
import type { StoredVm } from "./vm-records.ts";

/** What a VM's record asks of its VMM. */
export function wishOf(vm: Pick<StoredVm, "vmm_wanted" | "accel_wanted" | "cpus" | "disk_kind" | "kernel">): Wished {
  const { vmm_wanted: vmm, accel_wanted: accel, cpus, disk_kind: diskKind, kernel } = vm;
  return { vmm, accel, cpus, diskKind, kernelId: kernel.id };
}
