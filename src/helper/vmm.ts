import { rmSync } from "node:fs";
import { BangerError } from "../rpc/contract/errors.ts";
import type { helperContract } from "../rpc/contract/helper.ts";
import type { ParamsOf } from "../rpc/contract/method.ts";
import { attribute } from "../telemetry/names.ts";
import type { HelperDeps } from "./deps.ts";
import type { VmFacts } from "./facts.ts";
import { listLinks } from "./link.ts";
import { endProcess, isAlive, processFacts } from "./process.ts";
import { awaitGreeting, lastWords, makeRunDirectory, spawnQemu } from "./qemu-process.ts";
import { leaseUid, returnUid } from "./uid-lease.ts";

type StartParams = ParamsOf<typeof helperContract.vmmStart>;

/** Starts a VM's QEMU and returns when it answers; what fails is undone. */
export async function startVmm(deps: HelperDeps, params: StartParams) {
  const { facts, installation, layout } = deps;
  const { vm_id: vmId, generation } = params;
  const known = leaseUid(facts, installation, vmId);
  if (known.vmm !== undefined && isAlive(known.vmm)) {
    throw new BangerError("already_exists", `VM ${vmId} has a VMM (pid ${known.vmm.pid}) already`);
  }
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
  const alive = isAlive(known.vmm);
  if (alive) await endProcess(known.vmm as Required<NonNullable<VmFacts["vmm"]>>);
  rmSync(layout.sockets(vmId).directory, { recursive: true, force: true });
  const { vmm: _, ...rest } = known;
  facts.putVm(rest);
  returnUid(facts, vmId);
  return { stopped: alive };
}

/** Whether a VM's VMM runs, and what it said if not. */
export function vmmStatus(deps: HelperDeps, vmId: string) {
  const known = deps.facts.vm(vmId);
  const running = known?.vmm !== undefined && isAlive(known.vmm);
  const words = running ? "" : lastWords(deps, vmId);
  return {
    running,
    ...(running ? { facts: vmmFacts(known) } : {}),
    ...(words === "" ? {} : { last_words: words }),
  };
}

/** What the kernel holds of this installation's VMs. Only reconciling asks. */
export async function listVmms({ command, facts, layout }: HelperDeps) {
  const prefix = `${layout.alias()}:`;
  const links = await listLinks(command);
  return {
    vmms: facts.vms().flatMap((vm) => (vm.vmm !== undefined && isAlive(vm.vmm) ? [vmmFacts(vm)] : [])),
    taps: links
      .filter((link) => link.ifalias?.startsWith(prefix))
      .map((link) => ({ vm_id: link.ifalias?.slice(prefix.length) ?? "", tap: link.ifname })),
  };
}

function vmmFacts({ vm_id, uid, vmm }: VmFacts) {
  return { vm_id, uid, pid: vmm?.pid ?? 0, generation: vmm?.generation ?? 1, started_at: vmm?.started_at ?? "" };
}
