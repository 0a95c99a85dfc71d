import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import { attribute } from "../../telemetry/names.ts";
import type { HelperDeps } from "../deps.ts";
import { processFacts } from "../process/process-facts.ts";
import { leaseUid } from "../process/uid-lease.ts";
import { awaitGreeting } from "./greeting.ts";
import { lastWords } from "./last-words.ts";
import { spawnQemu } from "./launch.ts";
import { makeRunDirectory } from "./run-directory.ts";
import { vmmProcess } from "./status.ts";
import { stopVmm } from "./stop.ts";

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
