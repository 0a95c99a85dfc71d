import { fstatSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { HostPrograms } from "../deps.ts";
import { isAlive, processFacts } from "../process/process-facts.ts";
import type { VmUnits } from "../systemd/vm-units.ts";
import { undoneFor } from "../undo.ts";
import type { Launch, Recorder } from "./launcher.ts";
import { readRecord } from "./recorder.ts";

/** A recorder that systemd was told to start has its files after this, or never will have. */
const takenWithinMs = 10_000;
const [pollMs, lookMs] = [1, 100];

/** Starts it as a unit of its own, which ends with no other: systemd is its parent, and it takes its descriptors from this process. */
export function launchAsUnit(deps: {
  readonly units: VmUnits;
  readonly programs: Pick<HostPrograms, "takeFiles" | "vmStop">;
  readonly installation: Pick<Installation, "ownerUid" | "ownerGid">;
  /** The install file's path. */
  readonly config: string;
  readonly spans: Spans;
}): Launch {
  const { units, programs, spans, config } = deps;
  const { ownerUid, ownerGid } = deps.installation;
  return ({ vmId, command: { argv, descriptors, record }, memoryBytes, tasks, devices, makesNodes }) =>
    spans.span("unit starting", { attributes: { [attribute.unit]: units.name(vmId) } }, async () => {
      const taken = descriptors.flatMap((fd, at) => (fd === undefined ? [] : [`${at}=${identified(fd)}`]));
      const self = processFacts(process.pid);
      if (self === undefined) throw new Error("/proc doesn't know this process");
      try {
        await units.start(vmId, {
          argv: [programs.takeFiles, String(self.pid), self.starttime, ...taken, "--", ...argv],
          stop: [programs.vmStop, String(ownerUid), String(ownerGid), config, vmId],
          memoryBytes,
          tasks,
          devices,
          makesNodes,
          fields: { BANGER_VM_ID: vmId, BANGER_OP_ID: spans.activeIds()?.opId ?? "" },
        });
        return await itsRecorder(vmId, record, units);
      } catch (error) {
        // Before the descriptors are closed: their numbers may be others' then.
        return await undoneFor(error, () => units.remove(vmId));
      }
    });
}

/** A descriptor, and which file that is: systemd may get to it when this one has given up, and the number is another's. */
function identified(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${fd}:${dev}:${ino}`;
}

/** The recorder, once it has written down that it has a VMM. */
async function itsRecorder(vmId: string, path: string, units: VmUnits): Promise<Recorder> {
  const began = performance.now();
  for (let lookAt = lookMs; ; await delay(pollMs)) {
    const record = readRecord(path);
    if (record !== undefined && record.state !== "starting") {
      const process = record.recorder === undefined ? undefined : processFacts(record.recorder);
      return {
        process,
        hasEnded: () => process === undefined || !isAlive(process),
        failure: () => undefined,
      };
    }
    const waited = performance.now() - began;
    if (waited < lookAt) continue;
    lookAt *= 2;
    const failed = await units.failureOf(vmId);
    if (failed !== undefined || waited > takenWithinMs) {
      const why = failed ?? `it did nothing within ${takenWithinMs / 1000} s`;
      throw new BangerError("command_failed", `${units.name(vmId)} failed: ${why}`, {
        details: { hint: `See \`journalctl --unit ${units.name(vmId)}\`.` },
      });
    }
  }
}
