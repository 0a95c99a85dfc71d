import type { ProcessFacts, VmFacts } from "../files/facts.ts";
import { isAlive, processesOf, processFacts } from "../process/process-facts.ts";

/** A VM's VMM, if it runs. */
export function vmmProcess({ vmm, uid }: VmFacts): ProcessFacts | undefined {
  if (vmm === undefined) return undefined;
  if (vmm.pid !== undefined) return isAlive(vmm) ? vmm : undefined;
  return processesOf(uid)
    .map(processFacts)
    .find((process) => process !== undefined);
}
