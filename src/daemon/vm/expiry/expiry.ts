import type { StoredVm } from "../vm-records.ts";

/** Why a VM that runs is stopped without being asked for. */
export type ExpiryCause = NonNullable<StoredVm["stopped_for"]>;

/** What a VM's time is counted by: instants of a clock that nobody sets, in milliseconds. */
export interface Lived {
  readonly nowMs: number;
  readonly startedMs: number;
  readonly usedMs: number;
  /** True while somebody is attached, or its guest is paused, which somebody wants kept. */
  readonly inUse: boolean;
}

/** When a VM that runs is to be stopped next, and why; undefined where that can't come by time alone. */
export function expiryOf(
  { ttl_s: ttl, idle_s: idle }: Pick<StoredVm, "ttl_s" | "idle_s">,
  { nowMs, startedMs, usedMs, inUse }: Lived,
): { readonly cause: ExpiryCause; readonly inMs: number } | undefined {
  const ofTtl = ttl === null ? undefined : { cause: "ttl" as const, inMs: startedMs + ttl * 1000 - nowMs };
  const ofIdle =
    idle === null || inUse
      ? undefined
      : { cause: "idle" as const, inMs: Math.max(startedMs, usedMs) + idle * 1000 - nowMs };
  if (ofTtl === undefined || ofIdle === undefined) return ofTtl ?? ofIdle;
  return ofIdle.inMs < ofTtl.inMs ? ofIdle : ofTtl;
}
