import { helperContract } from "../../../rpc/contract/helper.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { RootDisks } from "../../disk/root-disks.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import type { RunningVms } from "../running.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";

/** What growing a root disk needs. */
export interface GrowDiskDeps {
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly disks: Pick<RootDisks, "atLeast">;
  readonly helper: Pick<HelperLink, "call">;
  readonly steps: StepRunner;
}

const stays = { none: "a disk isn't made smaller; one that is larger than the record says harms nothing" };

/**
 * Makes a VM's root disk larger, also while it runs; its guest grows the file system by itself, at once or when it starts. The
 * caller holds the VM's lock.
 */
export async function growDisk(
  deps: GrowDiskDeps,
  vm: StoredVm,
  sizeMib: number,
  context: OperationContext,
): Promise<StoredVm> {
  if (sizeMib < vm.disk_mib) {
    throw new BangerError("bad_params", `disk_mib: the disk has ${vm.disk_mib} MiB, and is only made larger`, {
      details: { field: "disk_mib", least: vm.disk_mib },
    });
  }
  if (sizeMib === vm.disk_mib) return vm;
  const { records } = deps;
  await deps.steps.run({
    operation: "vm.set",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      ...(vm.state === "running" ? whileItRuns(deps, sizeMib) : whileItRests(deps, sizeMib)),
      {
        name: "record",
        do: async () => void records.update(vm.id, { disk_mib: sizeMib }),
        undo: { none: "it is the last step" },
      },
    ],
  });
  return records.must(vm.id);
}

function whileItRests({ disks }: GrowDiskDeps, sizeMib: number): Step<StoredVm>[] {
  return [{ name: "disk", do: (vm, signal) => disks.atLeast(vm, sizeMib, signal), undo: stays }];
}

function whileItRuns({ running, helper }: GrowDiskDeps, sizeMib: number): Step<StoredVm>[] {
  return [
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
