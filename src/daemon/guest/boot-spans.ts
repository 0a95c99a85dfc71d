import type { ClockAnchor, Stage } from "./timeline.ts";

/** A stage of the boot as a span, in Unix nanoseconds. */
export interface BootSpan {
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** The stages that become spans; a guest can't name one of its own. */
const stages = new Set(["kernel", "init", "root_mount", "volumes", "identity", "ready"]);

/** A guest's boot on the host's clock, kept within the time in which it can have been. */
export function bootSpans(
  timeline: readonly Stage[],
  anchor: ClockAnchor,
  within: { readonly from: bigint; readonly to: bigint },
): BootSpan[] {
  const onHost = (guestNs: bigint) => {
    const at = anchor.hostNs + (guestNs - anchor.guestNs);
    return at < within.from ? within.from : at > within.to ? within.to : at;
  };
  const seen = new Set<string>();
  return timeline.flatMap(({ name, beginNs, endNs }) => {
    if (!stages.has(name) || seen.has(name) || beginNs > endNs) return [];
    seen.add(name);
    return [{ name: `boot.${name}`, startNs: onHost(beginNs), endNs: onHost(endNs) }];
  });
}
