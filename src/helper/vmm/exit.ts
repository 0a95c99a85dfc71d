import { setTimeout as delay } from "node:timers/promises";
import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts, VmmExit } from "../files/facts.ts";
import { isAlive } from "../process/process-facts.ts";
import { type OwnStatuses, readRecord } from "./recorder.ts";
import { wasOutOfMemory } from "./out-of-memory.ts";
import { vmmProcess } from "./vmm-process.ts";

/** Firecracker heeds the signals that these would be, or nobody sends them, and ends with these statuses (FcExitCode). */
const ownStatuses: Readonly<Record<VmmKind, OwnStatuses>> = { qemu: undefined, firecracker: [148, 157] };

/** A recorder has this long to write down an end that is seen already. */
const recordDeadlineMs = 500;

/** How a VM's last VMM ended; undefined while it runs, and where there was none. */
export async function exitOf(
  deps: Pick<HelperDeps, "facts" | "layout" | "libc">,
  known: VmFacts,
): Promise<VmmExit | undefined> {
  const { facts, layout } = deps;
  const { vmm, exit, vm_id: vmId } = known;
  if (vmm === undefined || exit?.generation === vmm.generation) return exit;
  if (vmmProcess(deps, known) !== undefined) return undefined;
  const path = layout.vmmRecord(vmId);
  const deadline = performance.now() + recordDeadlineMs;
  const isRecording = () => vmm.recorder !== undefined && isAlive(vmm.recorder) && performance.now() < deadline;
  while (readRecord(path)?.state !== "ended" && isRecording()) await delay(1);
  const record = readRecord(path, ownStatuses[vmm.kind ?? "qemu"]);
  // Its recorder may still be about to start it, or to write down its end.
  if (record?.state !== "ended" && vmm.recorder !== undefined && isAlive(vmm.recorder)) return undefined;
  const { generation } = vmm;
  if (record?.state === "ended") {
    const { status, signal, at } = record;
    const out = record.outOfMemory || wasOutOfMemory(deps, { uid: known.uid, signal, at });
    return { generation, status, signal, at, ...(out ? { out_of_memory: true } : {}) } satisfies VmmExit;
  }
  // Nobody wrote it down: the time at which that was noticed is kept, so that it stays one.
  const unknown: VmmExit = { generation, status: null, signal: null, at: new Date().toISOString() };
  const now = facts.vm(vmId);
  if (now?.vmm?.generation === generation) facts.putVm({ ...now, exit: unknown });
  return unknown;
}
