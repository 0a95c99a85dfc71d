import type { OperationContext } from "../../operation/operations.ts";
import { activeStates, mustAllow } from "../state.ts";
import type { StoredVm } from "../vm-records.ts";
import { type DeleteDeps, type DeleteOptions, deleteVm, workDiskOf } from "./delete.ts";
import { type StopDeps, type StoppedBy, stopVm, takeAway } from "./stop.ts";

/** What deleting a VM in any state needs. */
export interface EndAndDeleteDeps {
  readonly stop: StopDeps;
  readonly remove: DeleteDeps;
}

/** How a VM is deleted. */
export interface EndOptions extends DeleteOptions {
  /** Kills it first when it runs. */
  readonly force: boolean;
}

/** What was deleted, and what became of its work disk. */
export interface Deleted {
  readonly id: string;
  readonly name: string;
  readonly work_disk?: { readonly name: string; readonly kept: boolean };
  /** Of a guest that was to shut down. */
  readonly stopped_by?: StoppedBy;
}

/** A guest with disks that stay has so long to write to them what it has in memory. */
const orderlyMs = 10_000;

/**
 * Deletes a VM; one that runs only with `force`, which kills it, but for one whose volumes stay: that is shut down first, or what it
 * wrote last would be missing on them. The caller holds the VM's lock.
 */
export async function endAndDelete(
  { stop, remove }: EndAndDeleteDeps,
  vm: StoredVm,
  options: EndOptions,
  context: OperationContext,
): Promise<Deleted> {
  const ended: Ended = options.force && activeStates.has(vm.state) ? await end(stop, vm, options, context) : vm;
  mustAllow("delete", ended);
  await deleteVm(remove, ended, options, context);
  const by = ended.stopped_by === undefined ? {} : { stopped_by: ended.stopped_by };
  return { id: vm.id, name: vm.name, ...workDiskEnd(vm, options), ...by };
}

type Ended = StoredVm & { readonly stopped_by?: StoppedBy };

function end(stop: StopDeps, vm: StoredVm, { keepWork }: DeleteOptions, context: OperationContext): Promise<Ended> {
  const stays = vm.volumes.some(({ work_disk: own }) => keepWork || !own);
  if (!stays || vm.state !== "running") return takeAway(stop, "vm.delete", vm, context);
  return stopVm(stop, vm, new Date(Date.now() + orderlyMs), context);
}

/** What becomes of a VM's work disk, where it has one. */
export function workDiskEnd(vm: StoredVm, { keepWork }: DeleteOptions): Pick<Deleted, "work_disk"> {
  const own = workDiskOf(vm);
  return own === undefined ? {} : { work_disk: { name: own.name, kept: keepWork } };
}
