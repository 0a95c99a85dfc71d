import { rmSync } from "node:fs";
import type { Vm } from "../../../rpc/contract/vm.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { OperationContext } from "../../step/step-runner.ts";
import type { EndDeps } from "./end.ts";

/** Deletes a VM that does not run: its record, then its directory. The caller holds the VM's lock. */
export async function deleteVm(deps: EndDeps, vm: Vm, context: OperationContext): Promise<void> {
  await deps.steps.run({
    operation: "vm.delete",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      {
        name: "forget",
        do: async () => deps.records.delete(vm.id),
        undo: { none: "its end is what was asked for; a directory without a record is removed at start-up" },
      },
      {
        name: "directory",
        do: async () => rmSync(deps.layout.vm(vm.id).directory, { recursive: true, force: true }),
        undo: { none: "its end is what was asked for" },
      },
    ],
  });
}
