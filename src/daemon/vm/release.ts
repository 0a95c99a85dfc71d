import { BangerError } from "../../rpc/contract/errors.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { HelperLink } from "../helper-link.ts";
import type { VmmDriver } from "../vmm/driver.ts";
import type { RunningVms } from "./running.ts";
import type { DebtKind, VmRecords } from "./vm-records.ts";

/** What releasing needs. */
export interface ReleaseDeps {
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly driver: VmmDriver;
  readonly helper: HelperLink;
  readonly log: Logger;
}

/** Makes sure that a VM's parts are gone; rollback, stop and recovery all call these. */
export interface Release {
  vmm(vm: Pick<Vm, "id" | "generation">): Promise<void>;
  tap(vm: Pick<Vm, "id" | "generation">): Promise<void>;
  /** Does what is owed; what the helper still can't do stays owed. */
  payDebts(): Promise<void>;
}

/** While the helper is away, what can't be released is owed: kept in the store, and done when it is back. */
export function createRelease({ records, running, driver, helper, log }: ReleaseDeps): Release {
  const removals: Record<DebtKind, (vmId: string, generation: number) => Promise<void>> = {
    vmm: (vmId, generation) => driver.end(vmId, generation),
    tap: async (vmId) => void (await helper.call(helperContract.tapRemove, { vm_id: vmId })),
  };

  async function release(kind: DebtKind, vmId: string, generation: number): Promise<void> {
    try {
      await removals[kind](vmId, generation);
      records.settle(vmId, kind);
    } catch (error) {
      if (!(error instanceof BangerError) || error.code !== "helper_unavailable") throw error;
      records.owe(vmId, kind, generation);
      log.warn({ "banger.vm.id": vmId, kind, generation }, "owed until the helper is back");
    }
  }

  return {
    vmm: async (vm) => {
      running.drop(vm.id, vm.generation);
      await release("vmm", vm.id, vm.generation);
    },
    tap: (vm) => release("tap", vm.id, vm.generation),
    payDebts: async () => {
      for (const { vmId, kind, generation } of records.debts()) {
        // A newer start of the VM has made these its own, or has released them.
        const vm = records.get(vmId);
        if (vm !== undefined && vm.generation > generation) records.settle(vmId, kind);
        else await release(kind, vmId, generation);
      }
    },
  };
}
