import type { OperationContext } from "../../operation/operations.ts";
import { activeStates, mustAllow } from "../state.ts";
import type { StoredVm } from "../vm-records.ts";
import { type DeleteDeps, deleteVm } from "./delete.ts";
import { type StopDeps, takeAway } from "./stop.ts";

/** What deleting a VM in any state needs. */
export interface EndAndDeleteDeps {
  readonly stop: StopDeps;
  readonly remove: DeleteDeps;
}

/** Deletes a VM; one that runs only with `force`, which kills it first. The caller holds the VM's lock. */
export async function endAndDelete(
  { stop, remove }: EndAndDeleteDeps,
  vm: StoredVm,
  force: boolean,
  context: OperationContext,
): Promise<{ id: string; name: string }> {
  const ended = force && activeStates.has(vm.state) ? await takeAway(stop, "vm.delete", vm, context) : vm;
  mustAllow("delete", ended);
  await deleteVm(remove, ended, context);
  return { id: vm.id, name: vm.name };
}
