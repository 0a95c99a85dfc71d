import { rmSync } from "node:fs";
import type { Layout } from "../../../installation/layout.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { RootDisks } from "../../disk/root-disks.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { StepRunner } from "../../step/step-runner.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";

/** What deleting a VM needs. */
export interface DeleteDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly disks: Pick<RootDisks, "remove">;
  readonly steps: StepRunner;
}

/** Deletes a VM that does not run: its record, then its directory. The caller holds the VM's lock. */
export async function deleteVm(
  { layout, records, disks, steps }: DeleteDeps,
  vm: StoredVm,
  context: OperationContext,
): Promise<void> {
  await steps.run({
    operation: "vm.delete",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      {
        name: "forget",
        do: async () => records.delete(vm.id),
        undo: { none: "its end is what was asked for; a directory without a record is removed at start-up" },
      },
      {
        name: "root_disk",
        do: () => disks.remove(vm.id),
        undo: { none: "its end is what was asked for" },
      },
      {
        name: "directory",
        do: async () => rmSync(layout.vm(vm.id).directory, { recursive: true, force: true }),
        undo: { none: "its end is what was asked for" },
      },
    ],
  });
}
