import { helperContract } from "../../rpc/contract/helper.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { Step } from "../step/step-runner.ts";

/** The steps that find or make what all VMs share: the bridge, the rules and forwarding. */
export function networkSteps(helper: Pick<HelperLink, "call">): Step<unknown>[] {
  return [
    {
      name: "bridge",
      do: async (_, signal) => void (await helper.call(helperContract.bridgeEnsure, {}, { signal })),
      undo: { none: "the bridge is shared; `network down` removes it" },
    },
    {
      name: "nat",
      do: async (_, signal) => void (await helper.call(helperContract.natEnsure, {}, { signal })),
      undo: { none: "the table is shared; `network down` removes it" },
    },
  ];
}
