import { rmSync } from "node:fs";
import { BangerError } from "../rpc/contract/errors.ts";
import type { helperContract } from "../rpc/contract/helper.ts";
import type { ParamsOf } from "../rpc/contract/method.ts";
import { attribute } from "../telemetry/names.ts";
import type { HelperDeps } from "./deps.ts";
import type { ProcessFacts, VmFacts } from "./facts.ts";
import { listLinks } from "./link.ts";
import { endProcess, isAlive, processesOf, processFacts } from "./process.ts";
import { awaitGreeting, lastWords, makeRunDirectory, removeRunDirectory, spawnQemu } from "./qemu-process.ts";
import { leaseUid, returnUid } from "./uid-lease.ts";

type StartParams = ParamsOf<typeof helperContract.vmmStart>;

/** Starts a VM's QEMU and returns when it answers; what fails is undone. */
export async function startVmm(deps: HelperDeps, params: StartParams) {
  const { facts, installation, layout } = deps;
  const { vm_id: vmId, generation } = params;
  const known = leaseUid(facts, installation, vmId);
  const running = vmmProcess(known);
  if (running !== undefined)
    throw new BangerError("already_exists", `VM ${vmId} has a VMM (pid ${running.pid}) already`);
  if (known.tap === undefined) throw new BangerError("not_found", `VM ${vmId} has no tap; make it first`);
  const startedAt = new Date().toISOString();
  facts.putVm({ ...known, vmm: { generation, started_at: startedAt } });
  try {
    makeRunDirectory(deps, known);
    const child = spawnQemu(deps, known, params);
    const pid = child.pid ?? 0;
    const started = processFacts(pid);
    if (started !== undefined) {
      const { starttime, boot_id } = started;
      facts.putVm({ ...known, vmm: { generation, started_at: startedAt, pid, starttime, boot_id } });
    }
    await deps.spans.span("qemu starting", { attributes: { [attribute.executable]: "qemu-system-x86_64" } }, () =>
      awaitGreeting(layout.sockets(vmId).qmp, child, () => lastWords(deps, vmId)),
    );
    const { qmp, agent, console } = layout.sockets(vmId);
    return { vm_id: vmId, generation, pid, uid: known.uid, started_at: startedAt, sockets: { qmp, agent, console } };
  } catch (error) {
    await stopVmm(deps, vmId, generation);
    throw error;
  }
}

/** Makes sure that no VMM of this generation or an older one is there. */
export async function stopVmm(deps: HelperDeps, vmId: string, generation: number): Promise<{ stopped: boolean }> {
  const { facts, layout } = deps;
  const known = facts.vm(vmId);
  if (known?.vmm === undefined) return { stopped: false };
  if (known.vmm.generation > generation) {
    throw new BangerError(
      "wrong_state",
      `VM ${vmId} runs generation ${known.vmm.generation}, newer than ${generation}`,
    );
  }
  const alive = vmmProcess(known) !== undefined;
  // Whatever has the VM's uid is the VM's: also a VMM whose pid a helper that died had no time to write down.
  for (const pid of processesOf(known.uid)) {
    const process = processFacts(pid);
    if (process !== undefined) await endProcess(process);
  }
  removeRunDirectory(layout.sockets(vmId).directory);
  rmSync(layout.vmmLog(vmId), { force: true });
  // Its tap may have been made or removed meanwhile.
  const { vmm: _, ...rest } = facts.vm(vmId) ?? known;
  facts.putVm(rest);
  returnUid(facts, vmId);
  return { stopped: alive };
}

/** A VM's VMM, if it runs. */
function vmmProcess({ vmm, uid }: VmFacts): ProcessFacts | undefined {
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
