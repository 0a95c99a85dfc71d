import type { HelperDeps } from "../deps.ts";
import type { ProcessFacts, VmFacts } from "../files/facts.ts";
import { isAlive, processesOf } from "../process/process-facts.ts";

/** A VM's VMM, if it runs; one whose pid nobody had time to write down is found by its uid. */
export function vmmProcess({ libc }: Pick<HelperDeps, "libc">, { vmm, uid }: VmFacts): ProcessFacts | undefined {
  if (vmm === undefined) return undefined;
  if (vmm.pid !== undefined) return isAlive(vmm) ? vmm : undefined;
  return processesOf(libc, uid)[0];
}
