import { rmSync } from "node:fs";
import type { Layout } from "../../../installation/layout.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import { putBack, setAside } from "../../store/in-place.ts";
import { halfOf } from "../../store/places.ts";
import type { VolumeService } from "../../volume/volume-service.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";

/** What deleting a VM needs. */
export interface DeleteDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly volumes: Pick<VolumeService, "removeThis">;
  readonly steps: StepRunner;
}

/** What is done with a VM's work disk. */
export interface DeleteOptions {
  /** True: it is a volume from then on. */
  readonly keepWork: boolean;
}

/** Deletes a VM that does not run: its record, then its directory, and its work disk unless it is kept. The caller holds the VM's lock. */
export async function deleteVm(
  { layout, records, volumes, steps }: DeleteDeps,
  vm: StoredVm,
  { keepWork }: DeleteOptions,
  context: OperationContext,
): Promise<void> {
  const { directory } = layout.vm(vm.id);
  const goes = keepWork ? undefined : workDiskOf(vm);
  const workDisk: Step<StoredVm> = {
    name: "work_disk",
    do: async () => void (goes && volumes.removeThis(goes.id)),
    undo: { none: "its end is what was asked for; one that could not be removed is a volume that no VM has" },
  };
  context.signal.throwIfAborted();
  await steps.run({
    operation: "vm.delete",
    subject: vm,
    // Once it is forgotten nobody can take it back, or go on later.
    context: { ...context, signal: new AbortController().signal },
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      {
        // What a daemon's end cuts off here is put back, or removed, by whether the record is still there.
        name: "aside",
        do: async () => void setAside(directory),
        undo: async () => putBack(directory),
      },
      {
        name: "forget",
        do: async () => records.delete(vm.id),
        undo: { none: "its end is what was asked for; a half without a record is removed at start-up" },
      },
      {
        name: "directory",
        on: () => ({ [attribute.file]: directory }),
        do: async () => rmSync(halfOf(directory), { recursive: true, force: true }),
        undo: { none: "its end is what was asked for" },
      },
      ...(goes === undefined ? [] : [workDisk]),
    ],
  });
}

/** The volume that is a VM's own, if it has one. */
export function workDiskOf({ volumes }: Pick<StoredVm, "volumes">): StoredVm["volumes"][number] | undefined {
  return volumes.find(({ work_disk: own }) => own);
}
