import type { HelperDeps } from "../deps.ts";
import type { ProcessFacts, VmFacts } from "../files/facts.ts";
import { listLinks } from "../network/link.ts";
import { isAlive, processesOf, processFacts } from "../process/process-facts.ts";
import { lastWords } from "./last-words.ts";

/** A VM's VMM, if it runs. */
export function vmmProcess({ vmm, uid }: VmFacts): ProcessFacts | undefined {
  if (vmm === undefined) return undefined;
  if (vmm.pid !== undefined) return isAlive(vmm) ? vmm : undefined;
  return processesOf(uid)
    .map(processFacts)
    .find((process) => process !== undefined);
}

/** Whether a VM's VMM runs, and what it said if not. */
export function vmmStatus(deps: HelperDeps, vmId: string) {
  const known = deps.facts.vm(vmId);
  const process = known === undefined ? undefined : vmmProcess(known);
  const words = process === undefined ? lastWords(deps, vmId) : "";
  return {
    running: process !== undefined,
    ...(process === undefined || known === undefined ? {} : { facts: vmmFacts(known, process) }),
    ...(words === "" ? {} : { last_words: words }),
  };
}

/** What the kernel holds of this installation's VMs. Only reconciling asks. */
export async function listVmms({ command, facts, layout }: HelperDeps) {
  const prefix = `${layout.alias()}:`;
  const links = await listLinks(command);
  return {
    vmms: facts.vms().flatMap((vm) => {
      const process = vmmProcess(vm);
      return process === undefined ? [] : [vmmFacts(vm, process)];
    }),
    taps: links
      .filter((link) => link.ifalias?.startsWith(prefix))
      .map((link) => ({ vm_id: link.ifalias?.slice(prefix.length) ?? "", tap: link.ifname })),
  };
}

function vmmFacts({ vm_id, uid, vmm }: VmFacts, { pid }: ProcessFacts) {
  return { vm_id, uid, pid, generation: vmm?.generation ?? 1, started_at: vmm?.started_at ?? "" };
}
