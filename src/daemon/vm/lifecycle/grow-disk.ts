import { helperContract } from "../../../rpc/contract/helper.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { attachDisk, isDevice } from "../../disk/attach.ts";
import type { RootDisks } from "../../disk/root-disks.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import { diskHabits } from "../../vmm/driver.ts";
import type { RunningVms } from "../running.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";

/** What growing a root disk needs. */
export interface GrowDiskDeps {
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly disks: Pick<RootDisks, "atLeast" | "mustBeThere">;
  readonly helper: Pick<HelperLink, "call">;
  readonly steps: StepRunner;
}

const stays = { none: "a disk isn't made smaller; one that is larger than the record says harms nothing" };

/**
 * The steps that make a VM's root disk larger, also while it runs; its guest grows the file system by itself, at once or when it
 * starts. The record is the caller's.
 */
export function growDiskSteps(deps: GrowDiskDeps, vm: StoredVm, sizeMib: number): Step<StoredVm>[] {
  if (sizeMib < vm.disk_mib) {
    throw new BangerError("bad_params", `disk_mib: the disk has ${vm.disk_mib} MiB, and is only made larger`, {
      details: { field: "disk_mib", least: vm.disk_mib },
    });
  }
  if (vm.state === "running") return whileItRuns(deps, vm, sizeMib);
  deps.disks.mustBeThere(vm);
  return whileItRests(deps, sizeMib);
}

function whileItRests({ disks }: GrowDiskDeps, sizeMib: number): Step<StoredVm>[] {
  return [{ name: "disk", do: (vm, signal) => disks.atLeast(vm, sizeMib, signal), undo: stays }];
}

function whileItRuns(deps: GrowDiskDeps, vm: StoredVm, sizeMib: number): Step<StoredVm>[] {
  const { running, helper } = deps;
  return [
    ...beneath(deps, vm, sizeMib),
    {
      name: "limits",
      do: async ({ id, generation }) =>
        void (await helper.call(helperContract.vmmLimits, { vm_id: id, generation, disk_mib: sizeMib })),
      undo: { none: "a limit that is too high ends with its VMM" },
    },
    {
      name: "disk",
      do: (vm, signal) => running.vmmOf(vm).resizeDisk(sizeMib, signal),
      undo: stays,
    },
  ];
}

/** What a VMM finds as large as it is grows first. */
function beneath({ disks, helper }: GrowDiskDeps, vm: StoredVm, sizeMib: number): Step<StoredVm>[] {
  if (!isDevice(vm) && diskHabits[vm.vmm].grows) return [];
  const file: Step<StoredVm> = {
    name: "file",
    do: (grown, signal) => disks.atLeast(grown, sizeMib, signal),
    undo: stays,
  };
  if (!isDevice(vm)) return [file];
  const attach = async (grown: StoredVm, signal: AbortSignal) =>
    void (await attachDisk(helper, grown, sizeMib, signal));
  return [file, { name: "device", do: attach, undo: stays }];
}
