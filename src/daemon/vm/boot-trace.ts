import { attribute, services } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { AgentClient } from "../guest/agent-client.ts";
import { bootSpans } from "../guest/boot-spans.ts";
import type { ClockAnchor } from "../guest/timeline.ts";

/** Puts the guest's own boot into the running operation's trace. */
export interface BootTrace {
  /** `from`: when the guest was let go, Unix nanoseconds. Returns where its clock lies. */
  record(agent: AgentClient, from: bigint): Promise<ClockAnchor>;
}

/** The guest measures its stages on its own clock; five round trips say where that lies on the host's. */
export function createBootTrace(spans: Spans): BootTrace {
  return {
    record: async (agent, from) => {
      const anchor = await agent.clockAnchor(() => spans.nowNs());
      const to = spans.nowNs();
      for (const stage of bootSpans(agent.timeline, anchor, { from, to })) {
        spans.measured(stage.name, services.guest, stage.startNs, stage.endNs, {
          [attribute.clockUncertainty]: Number(anchor.uncertaintyNs) / 1e6,
        });
      }
      return anchor;
    },
  };
}
