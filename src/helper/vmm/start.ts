import { basename } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { HelperDeps } from "../deps.ts";
import type { ProcessFacts, VmFacts } from "../files/facts.ts";
import { cpuTicks, processFacts } from "../process/process-facts.ts";
import { leaseUid } from "../process/uid-lease.ts";
import { undoneFor } from "../undo.ts";
import { makeConsoleInput } from "./console-input.ts";
import { awaitGreeting, recorderEnds } from "./greeting.ts";
import { lastWords } from "./last-words.ts";
import { launchVmm } from "./launch.ts";
import { readRecord } from "./recorder.ts";
import { makeRunDirectory, openSocket } from "./run-directory.ts";
import { stopVmm } from "./stop.ts";
import type { StartParams } from "./vmm-kind.ts";
import { vmmKinds } from "./vmm-kinds.ts";
import { mustBeFree } from "./volume-holders.ts";
import { vmmProcess } from "./vmm-process.ts";

/** Starts a VM's VMM and returns when it answers; what fails is undone. */
export async function startVmm(deps: HelperDeps, params: StartParams) {
  const { facts, layout } = deps;
  const { vm_id: vmId, generation } = params;
  // A daemon that doesn't say knows one kind only.
  const kind = vmmKinds[params.vmm ?? "qemu"];
  const before = facts.vm(vmId);
  if (params.network !== false && before?.tap === undefined) {
    throw new BangerError("not_found", `VM ${vmId} has no tap; make it first`);
  }
  const running = before === undefined ? undefined : vmmProcess(deps, before);
  if (running !== undefined)
    throw new BangerError("already_exists", `VM ${vmId} has a VMM (pid ${running.pid}) already`);
  // What a dead one left behind goes first.
  if (before?.vmm !== undefined) await stopVmm(deps, vmId, Math.max(generation, before.vmm.generation));
  mustBeFree(deps, vmId, params.volumes ?? []);
  // With a tap it has its uid already.
  const known = leaseUid(deps, vmId);
  const startedAt = new Date().toISOString();
  const remember = (vmm: Partial<NonNullable<VmFacts["vmm"]>>) => {
    // Its tap may have been made or removed meanwhile.
    const { exit: _, ...now } = facts.vm(vmId) ?? known;
    facts.putVm({ ...now, vmm: { generation, started_at: startedAt, ...kind.remembered(params), ...vmm } });
  };
  remember({});
  try {
    await makeRunDirectory(deps, known);
    makeConsoleInput(deps, vmId);
    const plan = await kind.plan(deps, known, params);
    const launched = await launchVmm(deps, known, params, plan);
    const recorder = launched.process === undefined ? {} : { recorder: identityOf(launched.process) };
    remember(recorder);
    await deps.spans.span(kind.span, { attributes: { [attribute.executable]: kind.executable } }, () =>
      awaitGreeting(kind, {
        open: () => openSocket(deps, known, basename(plan.socket)),
        recorder: launched,
        spent: () => {
          const record = readRecord(layout.vmmRecord(vmId));
          return record?.state === "running" ? cpuTicks(record.pid) : 0;
        },
        words: () => lastWords(deps, vmId),
      }),
    );
    const record = readRecord(layout.vmmRecord(vmId));
    const started = record?.state === "running" ? processFacts(record.pid) : undefined;
    if (started === undefined) {
      await recorderEnds(launched);
      const said = lastWords(deps, vmId) || "it said nothing";
      throw new BangerError("command_failed", `${kind.title} ended at once: ${said}`);
    }
    kind.mustBeConfined(started.pid);
    remember({ ...recorder, ...identityOf(started) });
    return {
      vm_id: vmId,
      generation,
      pid: started.pid,
      uid: known.uid,
      started_at: startedAt,
      ...plan.places,
    };
  } catch (error) {
    return undoneFor(error, () => stopVmm(deps, vmId, generation));
  }
}

function identityOf({ pid, starttime, boot_id }: ProcessFacts): ProcessFacts {
  return { pid, starttime, boot_id };
}
