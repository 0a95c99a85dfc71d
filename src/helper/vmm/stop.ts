import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import type { ProcessFacts } from "../files/facts.ts";
import { childrenOf, isAlive, killProcess, processesOf } from "../process/process-facts.ts";
import { returnUid } from "../process/uid-lease.ts";
import { exitOf } from "./exit.ts";
import { lastWords } from "./last-words.ts";
import { returnFiles } from "./lent-files.ts";
import { factsOrRemains, removeRunFiles } from "./remains.ts";
import { vmmProcess } from "./vmm-process.ts";

/** A VMM has this long to be gone once it was killed, and its recorder to follow it. */
const endDeadlineMs = 5_000;
const recorderDeadlineMs = 2_000;
const longestPollMs = 10;

/** Makes sure that no VMM of this generation or an older one is there, nor a unit, nor files of one that nothing is remembered of; how it ended is remembered while its tap is. */
export async function stopVmm(deps: HelperDeps, vmId: string, generation: number): Promise<{ stopped: boolean }> {
  const { facts, units } = deps;
  const known = factsOrRemains(deps, vmId);
  if (known === undefined) {
    await units.remove(vmId);
    await removeRunFiles(deps, vmId);
    returnFiles(deps, { vm_id: vmId });
    return { stopped: false };
  }
  if (known.vmm === undefined) {
    returnFiles(deps, { vm_id: vmId });
    return { stopped: false };
  }
  if (known.vmm.generation > generation) {
    throw new BangerError(
      "wrong_state",
      `VM ${vmId} runs generation ${known.vmm.generation}, newer than ${generation}`,
    );
  }
  const alive = vmmProcess(deps, known) !== undefined;
  await endAll(deps, known.uid, known.vmm.recorder);
  await units.remove(vmId);
  const exit = await exitOf(deps, known);
  const words = lastWords(deps, vmId);
  if (words !== "") deps.log.info({ "banger.vm.id": vmId, stderr: words }, "what the VMM had said");
  returnFiles(deps, known, known.vmm.volumes);
  await removeRunFiles(deps, vmId);
  // Its tap may have been made or removed meanwhile.
  const { vmm: _, ...rest } = facts.vm(vmId) ?? known;
  facts.putVm({ ...rest, ...(exit === undefined ? {} : { exit }) });
  returnUid(deps, vmId);
  return { stopped: alive };
}

/**
 * Ends whatever has the VM's uid: all of it is the VM's, also a VMM whose pid a helper that died had no time to write
 * down, or one that its recorder starts only now. The recorder ends by itself once the last words are written.
 */
async function endAll({ libc }: HelperDeps, uid: number, recorder: ProcessFacts | undefined): Promise<void> {
  const began = performance.now();
  const isRecording = () => recorder !== undefined && isAlive(recorder);
  for (let pollMs = 1; ; pollMs = Math.min(pollMs * 2, longestPollMs)) {
    const left = processesOf(libc, uid);
    for (const process of left) killProcess(libc, process);
    if (left.length === 0 && !isRecording()) return;
    const waited = performance.now() - began;
    if (left.length === 0 && recorder !== undefined && waited > recorderDeadlineMs) {
      // Its loggers are stopped, or their disk is: nothing that runs is left behind all the same.
      for (const process of [...childrenOf(recorder), recorder]) killProcess(libc, process);
    }
    if (waited > endDeadlineMs) {
      const pids = [...left.map(({ pid }) => pid), ...(isRecording() ? [recorder?.pid] : [])];
      throw new BangerError("command_failed", `process ${pids.join(", ")} did not end in ${endDeadlineMs} ms`);
    }
    await delay(pollMs);
  }
}
