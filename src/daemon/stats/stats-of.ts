import type { VmStats } from "../../rpc/contract/stats.ts";
import type { StoredVm } from "../vm/vm-records.ts";
import type { Known } from "./known.ts";
import type { Sample } from "./sample.ts";

type Reason = keyof NonNullable<VmStats["unknown"]>;

/** What a VM uses, from a sample of it and one before that. */
export function statsOf(
  { id, name, cpus }: Pick<StoredVm, "id" | "name" | "cpus">,
  now: Sample,
  before: Sample | undefined,
): VmStats {
  const unknown: Partial<Record<Reason, string>> = {};
  /** What is said of something, or null and the reason. */
  const told = <T, R>(field: Reason, { is, why }: Known<T>, say: (value: T) => R): R | null => {
    if (why !== undefined) unknown[field] = why;
    return is === undefined ? null : say(is);
  };
  const stats = {
    id,
    name,
    at: now.at.toISOString(),
    cpus,
    cpu: told("cpu", now.process, ({ cpuS, ageS }) => ({
      ...recentCpu(now, before),
      mean_percent: percent(cpuS, ageS) ?? 0,
      used_s: cpuS,
    })),
    host_memory_bytes: told("host_memory_bytes", now.process, ({ residentBytes }) => residentBytes),
    guest_memory: told("guest_memory", now.guestMemory, ({ totalBytes, availableBytes }) => ({
      total_bytes: totalBytes,
      available_bytes: availableBytes,
    })),
    disk: told("disk", now.disk, ({ readBytes, writtenBytes }) => ({
      read_bytes: readBytes,
      written_bytes: writtenBytes,
    })),
    // What the host's end of the link received, the guest sent.
    network: told("network", now.link, ({ received, sent }) => ({ in_bytes: sent, out_bytes: received })),
  };
  return Object.keys(unknown).length === 0 ? stats : { ...stats, unknown };
}

/** Over the time between two samples; a counter that went back, or one sample, says nothing. */
function recentCpu(now: Sample, before: Sample | undefined): { percent: number | null; interval_ms: number | null } {
  const elapsedMs = before === undefined ? 0 : now.atMs - before.atMs;
  const used = (now.process.is?.cpuS ?? Number.NaN) - (before?.process.is?.cpuS ?? Number.NaN);
  const recent = percent(used, elapsedMs / 1000);
  return { percent: recent, interval_ms: recent === null ? null : Math.round(elapsedMs) };
}

/** To a tenth; null where there is no sense in it. */
function percent(usedS: number, elapsedS: number): number | null {
  return elapsedS > 0 && usedS >= 0 ? Math.round((usedS / elapsedS) * 1000) / 10 : null;
}
