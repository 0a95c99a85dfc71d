import type { Layout } from "../../installation/layout.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { vmContract } from "../../rpc/contract/vm-methods.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { RootDisks } from "../disk/root-disks.ts";
import type { VolumeService } from "../volume/volume-service.ts";
import type { OperationContext, Operations, Request } from "../operation/operations.ts";
import { isAskedFor } from "./labels.ts";
import { endAndDelete, type EndAndDeleteDeps, workDiskEnd } from "./lifecycle/end-and-delete.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";
import type { VmLocks } from "./vm-locks.ts";

/** What pruning needs. */
export interface VmPruneDeps extends EndAndDeleteDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly disks: Pick<RootDisks, "space">;
  readonly volumes: Pick<VolumeService, "show">;
  readonly now: () => Date;
}

const mib = 1024 * 1024;

type Params = ParamsOf<typeof vmContract.vmPrune>;
type Result = ResultOf<typeof vmContract.vmPrune>;
type Pruned = Result["vms"][number];

/** The VMs that hold nothing but their disks. */
const idle: StoredVm["state"][] = ["created", "stopped", "failed"];

/** Deletes the VMs that are not used any more, or says which they are. One that can't be deleted stops no other. */
export async function pruneVms(deps: VmPruneDeps, params: Params, request: Request): Promise<Result> {
  if (params.dry_run) return resultOf(await Promise.all(unused(deps, params).map((vm) => factsOf(deps, params, vm))));
  return deps.operations.run("vm.prune", request, async (context) => {
    const pruned: Pruned[] = [];
    for (const vm of unused(deps, params)) {
      if (context.signal.aborted) break;
      pruned.push(await prune(deps, params, vm, context));
    }
    if (pruned.length === 0) context.signal.throwIfAborted();
    return resultOf(pruned);
  });
}

function unused(deps: VmPruneDeps, params: Params): StoredVm[] {
  return deps.records.list().filter((vm) => isUnused(deps, params, vm) && !deps.locks.isHeld(vm.id));
}

function isUnused({ now }: VmPruneDeps, { older_s: older, label, only }: Params, vm: StoredVm): boolean {
  const isMeant = only.length === 0 || only.includes(vm.id);
  const isOld = Date.parse(vm.last_used_at) <= now().getTime() - older * 1000;
  return isMeant && isOld && !vm.remove_at_end && isAskedFor(vm, { label, state: idle });
}

async function prune(deps: VmPruneDeps, params: Params, vm: StoredVm, context: OperationContext): Promise<Pruned> {
  const facts = await factsOf(deps, params, vm);
  try {
    await deps.locks.exclusive(
      vm,
      "prune",
      async () => {
        // Somebody may have come to use it.
        const now = deps.records.must(vm.id);
        if (!isUnused(deps, params, now)) throw new BangerError("wrong_state", "it came to be used meanwhile");
        await endAndDelete(deps, now, { force: false, keepWork: params.keep_work }, context);
      },
      context.cancel,
    );
    return facts;
  } catch (error) {
    return { ...facts, error: error instanceof BangerError ? error.plain : String(error) };
  }
}

async function factsOf({ disks, volumes }: VmPruneDeps, params: Params, vm: StoredVm): Promise<Pruned> {
  const { id, name, state, last_used_at } = vm;
  const root_mib = await disks.space(vm).then(
    (space) => Math.ceil((space?.own ?? 0) / mib),
    () => 0,
  );
  const { work_disk: own } = workDiskEnd(vm, { keepWork: params.keep_work });
  if (own === undefined) return { id, name, state, last_used_at, disk_used_mib: root_mib };
  const disk_used_mib = root_mib + (own.kept ? 0 : (volumes.show(own.name).used_mib ?? 0));
  return { id, name, state, last_used_at, disk_used_mib, work_disk: own };
}

function resultOf(vms: Pruned[]): Result {
  const gone = vms.filter(({ error }) => error === undefined);
  return { vms, freed_mib: gone.reduce((sum, { disk_used_mib: mib }) => sum + mib, 0) };
}
