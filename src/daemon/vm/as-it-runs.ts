import type { StoredVm } from "./vm-records.ts";

/** A VM as its VMM has it: what was changed while it ran, and waits for its next start, is as it was. */
export function asItRuns(vm: StoredVm): StoredVm {
  return { ...vm, ...vm.waits };
}
