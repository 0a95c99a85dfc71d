import type { ChildProcess } from "node:child_process";
import { basename } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import { attribute } from "../../telemetry/names.ts";
import type { HelperDeps } from "../deps.ts";
import type { ProcessFacts, VmFacts } from "../files/facts.ts";
import { processFacts } from "../process/process-facts.ts";
import { leaseUid } from "../process/uid-lease.ts";
import { undoneFor } from "../undo.ts";
import { makeConsoleInput } from "./console-input.ts";
import { awaitGreeting, recorderEnds } from "./greeting.ts";
import { lastWords } from "./last-words.ts";
import { launchVmm } from "./launch.ts";
import { readRecord } from "./recorder.ts";
import { makeRunDirectory, openSocket } from "./run-directory.ts";
import { stopVmm } from "./stop.ts";
import { vmmProcess } from "./vmm-process.ts";

type StartParams = ParamsOf<typeof helperContract.vmmStart>;

/** Starts a VM's QEMU and returns when it answers; what fails is undone. */
export async function startVmm(deps: HelperDeps, params: StartParams) {
  const { facts, layout } = deps;
  const { vm_id: vmId, generation } = params;
  const before = facts.vm(vmId);
  if (params.network !== false && before?.tap === undefined) {
    throw new BangerError("not_found", `VM ${vmId} has no tap; make it first`);
  }
  const running = before === undefined ? undefined : vmmProcess(deps, before);
  if (running !== undefined)
    throw new BangerError("already_exists", `VM ${vmId} has a VMM (pid ${running.pid}) already`);
  // What a dead one left behind goes first.
  if (before?.vmm !== undefined) await stopVmm(deps, vmId, Math.max(generation, before.vmm.generation));
  // With a tap it has its uid already.
  const known = leaseUid(deps, vmId);
  const startedAt = new Date().toISOString();
  const remember = (vmm: Partial<NonNullable<VmFacts["vmm"]>>) => {
    // Its tap may have been made or removed meanwhile.
    const { exit: _, ...now } = facts.vm(vmId) ?? known;
    facts.putVm({ ...now, vmm: { generation, started_at: startedAt, ...vmm } });
  };
  remember({});
  try {
    await makeRunDirectory(deps, known);
    makeConsoleInput(deps, vmId);
    const child = launchVmm(deps, known, params, await groupsOf(deps, params));
    const recorder = recorderOf(child);
    remember({ ...recorder });
    await deps.spans.span("qemu starting", { attributes: { [attribute.executable]: "qemu-system-x86_64" } }, () =>
      awaitGreeting(
        () => openSocket(deps, known, basename(layout.sockets(vmId).qmp)),
        child,
        () => lastWords(deps, vmId),
      ),
    );
    const record = readRecord(layout.vmmRecord(vmId));
    const started = record?.state === "running" ? processFacts(record.pid) : undefined;
    if (started === undefined) {
      await recorderEnds(child);
      throw new BangerError("command_failed", `QEMU ended at once: ${lastWords(deps, vmId) || "it said nothing"}`);
    }
    remember({ ...recorder, ...identityOf(started) });
    const { qmp, agent } = layout.sockets(vmId);
    return {
      vm_id: vmId,
      generation,
      pid: started.pid,
      uid: known.uid,
      started_at: startedAt,
      sockets: { qmp, agent },
    };
  } catch (error) {
    return undoneFor(error, () => stopVmm(deps, vmId, generation));
  }
}

/** What a VMM is given beside its uid: the group that opens /dev/kvm, where there is one. */
async function groupsOf({ kvm }: HelperDeps, { accel }: StartParams): Promise<readonly number[]> {
  if (accel === "tcg") return [];
  const { usable, why, groups } = await kvm.probe();
  if (!usable) throw new BangerError("command_failed", `KVM can't be used: ${why}`);
  return groups;
}

/** The recorder, unless it has ended already. */
function recorderOf({ pid }: ChildProcess): { recorder?: ProcessFacts } {
  const recorder = pid === undefined ? undefined : processFacts(pid);
  return recorder === undefined ? {} : { recorder: identityOf(recorder) };
}

function identityOf({ pid, starttime, boot_id }: ProcessFacts): ProcessFacts {
  return { pid, starttime, boot_id };
}
