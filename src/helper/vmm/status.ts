import type { HelperDeps } from "../deps.ts";
import type { ProcessFacts, VmFacts, VmmExit } from "../files/facts.ts";
import { inKernel } from "../network/in-kernel.ts";
import { exitOf } from "./exit.ts";
import { lastWords } from "./last-words.ts";
import { vmmProcess } from "./vmm-process.ts";

/** Whether a VM's VMM runs, and how it ended and what it said if not. */
export async function vmmStatus(deps: HelperDeps, vmId: string) {
  const known = deps.facts.vm(vmId);
  const process = known === undefined ? undefined : vmmProcess(deps, known);
  const exit = known === undefined ? undefined : await exitOf(deps, known);
  const words = process === undefined ? lastWords(deps, vmId) : "";
  return {
    running: process !== undefined,
    ...(process === undefined || known === undefined ? {} : { facts: vmmFacts(known, process) }),
    ...(exit === undefined || known === undefined ? {} : { exit: exitFacts(known, exit) }),
    ...(words === "" ? {} : { last_words: words }),
  };
}

/** Everything that is held of this installation's VMs. Only reconciling asks. */
export async function listVmms(deps: HelperDeps) {
  const { facts, layout, links: kernel, spans } = deps;
  const prefix = `${layout.alias()}:`;
  const links = await inKernel(spans, "link list", { link: layout.bridge }, () => kernel.list());
  const vms = facts.vms();
  const exits = await Promise.all(vms.map(async (vm) => ({ vm, exit: await exitOf(deps, vm) })));
  return {
    vmms: vms.flatMap((vm) => {
      const process = vmmProcess(deps, vm);
      return process === undefined ? [] : [vmmFacts(vm, process)];
    }),
    taps: links
      .filter((link) => link.alias?.startsWith(prefix))
      .map((link) => ({ vm_id: link.alias?.slice(prefix.length) ?? "", tap: link.name }))
      .map((tap) => ({ ...tap, ...generationOf(facts.vm(tap.vm_id)) })),
    exits: exits.flatMap(({ vm, exit }) => (exit === undefined ? [] : [exitFacts(vm, exit)])),
    leases: vms.map(({ vm_id, uid }) => ({ vm_id, uid })),
  };
}

function generationOf(known: VmFacts | undefined): { generation?: number } {
  return known?.tap?.generation === undefined ? {} : { generation: known.tap.generation };
}

function vmmFacts({ vm_id, uid, vmm }: VmFacts, { pid }: ProcessFacts) {
  return { vm_id, uid, pid, generation: vmm?.generation ?? 1, started_at: vmm?.started_at ?? "" };
}

function exitFacts({ vm_id, uid }: VmFacts, exit: VmmExit) {
  return { vm_id, uid, ...exit };
}
