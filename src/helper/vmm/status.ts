import { vmId as vmIdField } from "../../rpc/contract/fields.ts";
import type { HelperDeps } from "../deps.ts";
import type { ProcessFacts, VmFacts, VmmExit } from "../files/facts.ts";
import type { Link } from "../netlink/links.ts";
import { inKernel } from "../network/in-kernel.ts";
import { isAlive } from "../process/process-facts.ts";
import { exitOf } from "./exit.ts";
import { recorderEnds } from "./greeting.ts";
import { lastWords } from "./last-words.ts";
import { remainsOf } from "./remains.ts";
import { vmmProcess } from "./vmm-process.ts";

/** Whether a VM's VMM runs, and how it ended and what it said if not. */
export async function vmmStatus(deps: HelperDeps, vmId: string) {
  const known = deps.facts.vm(vmId);
  const process = known === undefined ? undefined : vmmProcess(deps, known);
  const exit = known === undefined ? undefined : await exitOf(deps, known);
  const words = process === undefined ? await finalWords(deps, vmId, known?.vmm?.recorder) : "";
  return {
    running: process !== undefined,
    ...(process === undefined || known === undefined ? {} : { facts: vmmFacts(known, process) }),
    ...(exit === undefined || known === undefined ? {} : { exit: exitFacts(known, exit) }),
    ...(words === "" ? {} : { last_words: words }),
  };
}

/** What a VMM said that has ended: its logger may still be about to write that down. */
async function finalWords(deps: HelperDeps, vmId: string, recorder: ProcessFacts | undefined): Promise<string> {
  if (recorder !== undefined) await recorderEnds({ hasEnded: () => !isAlive(recorder) });
  return lastWords(deps, vmId);
}

/** Everything that is held of this installation's VMs. Only reconciling asks. */
export async function listVmms(deps: HelperDeps) {
  const { facts, layout, links: kernel, spans } = deps;
  const links = await inKernel(spans, "link list", { link: layout.bridge }, () => kernel.list());
  const vms = facts.vms();
  const exits = await Promise.all(vms.map(async (vm) => ({ vm, exit: await exitOf(deps, vm) })));
  return {
    vmms: vms.flatMap((vm) => {
      const process = vmmProcess(deps, vm);
      return process === undefined ? [] : [vmmFacts(vm, process)];
    }),
    taps: links.flatMap((link) => tapOf(deps, link)),
    exits: exits.flatMap(({ vm, exit }) => (exit === undefined ? [] : [exitFacts(vm, exit)])),
    disks: deps.mapper
      .uuids()
      .filter((uuid) => uuid.startsWith(layout.diskUuids))
      .map((uuid) => uuid.slice(layout.diskUuids.length))
      .filter((vmId) => vmIdField.safeParse(vmId).success)
      .map((vmId) => ({ vm_id: vmId, ...diskGenerationOf(facts.vm(vmId)) })),
    leases: vms.map(({ vm_id, uid }) => ({ vm_id, uid })),
    remains: remainsOf(deps).map((vm_id) => ({ vm_id })),
  };
}

const vmIdAtEnd = /:([0-9a-f]{16})$/;

/** A link that alias and name both say to be a VM's tap; whoever gives one of his own such an alias doesn't make it banger's. */
function tapOf({ facts, layout }: HelperDeps, { alias = "", name }: Link) {
  const vmId = vmIdAtEnd.exec(alias)?.[1];
  if (vmId === undefined || alias !== layout.alias(vmId) || name !== layout.tap(vmId)) return [];
  return [{ vm_id: vmId, tap: name, ...generationOf(facts.vm(vmId)) }];
}

function generationOf(known: VmFacts | undefined): { generation?: number } {
  return known?.tap?.generation === undefined ? {} : { generation: known.tap.generation };
}

function diskGenerationOf(known: VmFacts | undefined): { generation?: number } {
  return known?.disk === undefined ? {} : { generation: known.disk.generation };
}

function vmmFacts({ vm_id, uid, vmm }: VmFacts, { pid }: ProcessFacts) {
  return { vm_id, uid, pid, generation: vmm?.generation ?? 1, started_at: vmm?.started_at ?? "" };
}

function exitFacts({ vm_id, uid }: VmFacts, exit: VmmExit) {
  return { vm_id, uid, ...exit };
}
