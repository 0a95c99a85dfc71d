import { rmSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import { endProcess, processesOf, processFacts } from "../process/process-facts.ts";
import { returnUid } from "../process/uid-lease.ts";
import { removeRunDirectory } from "./run-directory.ts";
import { vmmProcess } from "./status.ts";

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
