import type { ChangedVm } from "../../rpc/contract/vm.ts";
import type { OperationContext, Operations, Request } from "../operation/operations.ts";
import type { RunningVms } from "./running.ts";
import { isAlready, type Mutation, mustAllow } from "./state.ts";
import type { VmLocks } from "./vm-locks.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";

/** What a mutation of one VM needs before it begins. */
export interface AloneDeps {
  readonly operations: Operations;
  readonly locks: VmLocks;
  readonly records: VmRecords;
  readonly running: RunningVms;
}

/** Does something to one VM, alone; what is so already succeeds and is told as `unchanged`. `then`: what follows in the same operation, not alone any more. */
export type Alone = <T extends ChangedVm = ChangedVm>(
  reference: string,
  mutation: Mutation,
  request: Request,
  work: (vm: StoredVm, context: OperationContext) => Promise<StoredVm & Pick<ChangedVm, "stopped_by" | "unchanged">>,
  then?: (shown: ChangedVm, context: OperationContext) => Promise<T>,
) => Promise<T>;

/** Finds the VM, begins the operation, takes the lock and checks the state, in this order: what was read before the lock may have changed. */
export function createAlone({ operations, locks, records, running }: AloneDeps): Alone {
  return (reference, mutation, request, work, then = asItIs) =>
    operations.runOn(
      `vm.${mutation}`,
      request,
      () => records.use(reference),
      async ({ id, name }, context) => {
        const whenHeld = async (): Promise<ChangedVm> => {
          const vm = records.must(id);
          const shown = running.shown(vm);
          if (isAlready(mutation, shown)) return { ...shown, unchanged: true };
          mustAllow(mutation, vm);
          return running.shown(await work(vm, context));
        };
        return then(await locks.exclusive({ id, name }, mutation, whenHeld, context.cancel), context);
      },
    );
}

async function asItIs<T>(shown: ChangedVm): Promise<T> {
  return shown as T;
}
