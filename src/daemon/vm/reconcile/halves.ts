import { existsSync, mkdirSync, rmSync } from "node:fs";
import type { Layout } from "../../../installation/layout.ts";
import type { VmRecords } from "../vm-records.ts";
import type { VolumeService } from "../../volume/volume-service.ts";
import { workDiskOf } from "../lifecycle/delete.ts";

/** What removing the halves of VMs needs. */
export interface HalfVmsDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly volumes: Pick<VolumeService, "removeThis">;
}

/** Removes the halves of creates that a crash left. For a daemon that starts, before anything is under way. */
export function removeHalfVms(deps: HalfVmsDeps): void {
  const { layout, records } = deps;
  mkdirSync(layout.vms, { recursive: true, mode: 0o700 });
  for (const { id, state } of records.list()) {
    if (state === "creating" && !wasStarted(deps, id)) removeHalfVm(deps, id);
  }
}

/** True where a guest has printed something: whatever a record of an older database says, it isn't being made. */
export function wasStarted({ layout }: Pick<HalfVmsDeps, "layout">, id: string): boolean {
  return existsSync(layout.vm(id).consoleLog);
}

/** Removes a VM's directory, then its record, where it has one that says that it is being made, and the work disk that was made with it. */
export function removeHalfVm({ layout, records, volumes }: HalfVmsDeps, id: string): void {
  rmSync(layout.vm(id).directory, { recursive: true, force: true });
  const vm = records.get(id);
  if (vm === undefined) return;
  const own = vm.state === "creating" ? workDiskOf(vm) : undefined;
  records.delete(id);
  if (own !== undefined) volumes.removeThis(own.id);
}
