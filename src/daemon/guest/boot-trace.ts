import { attribute, services } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { AgentReady } from "./agent-link.ts";
import { bootSpans } from "./boot-spans.ts";

/** Puts the guest's own boot into the running operation's trace. */
export interface BootTrace {
  /** `from`: when the guest was let go, Unix nanoseconds. */
  record(ready: Pick<AgentReady, "timeline" | "anchor">, from: bigint, vm: { id: string; name: string }): void;
}

/** The guest measures its stages on its own clock; the anchor says where that lies on the host's. */
export function createBootTrace(spans: Spans): BootTrace {
  return {
    record: ({ timeline, anchor }, from, vm) => {
      const to = spans.nowNs();
      for (const stage of bootSpans(timeline, anchor, { from, to })) {
        spans.measured(stage.name, services.guest, stage.startNs, stage.endNs, {
          [attribute.vmId]: vm.id,
          [attribute.vmName]: vm.name,
          [attribute.clockUncertainty]: Number(anchor.uncertaintyNs) / 1e6,
        });
      }
    },
  };
}
