import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";

/**
 * The least version of each that banger runs VMs with. QEMU: `-action panic=exit-failure`, which tells of a guest's panic, is of 7.1
 * (qapi/run-state.json). Firecracker: `/entropy` is of 1.4.0, metrics of each drive by its id of 1.6.0, and since 1.7.0 a balloon
 * that doesn't fit the memory is refused, not booted (its CHANGELOG.md).
 */
export const leastVersions = { qemu: "7.1.0", firecracker: "1.7.0" } as const satisfies Record<VmmKind, string>;

/** True for a version below the least; one that isn't known is none. */
export function isTooOld(kind: VmmKind, version: string | undefined): boolean {
  const has = numbersOf(version ?? "");
  if (has.length === 0) return false;
  for (const [index, least] of numbersOf(leastVersions[kind]).entries()) {
    const own = has[index] ?? 0;
    if (own !== least) return own < least;
  }
  return false;
}

/** `1.16.1-dev` as 1, 16, 1. */
function numbersOf(version: string): number[] {
  return (/\d+(\.\d+)*/.exec(version)?.[0] ?? "").split(".").filter(Boolean).map(Number);
}
