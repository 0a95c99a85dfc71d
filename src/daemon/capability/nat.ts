import { helperContract } from "../../rpc/contract/helper.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { StoredVm } from "../vm/vm-records.ts";
import type { Capability } from "./capability.ts";

/** The way out of a guest's network: through NAT, or none beyond the bridge. Bridge and rules are shared, and there before. */
export function nat({ helper }: { readonly helper: Pick<HelperLink, "call"> }): Capability {
  const isolate = async ({ id, generation, network }: StoredVm, signal: AbortSignal) => {
    const params = { vm_id: id, generation, isolated: network === "isolated" };
    await helper.call(helperContract.tapIsolate, params, { signal });
  };
  return {
    name: "nat",
    // A new tap is not isolated.
    prepareHost: async ({ vm }, signal) => (vm.network === "isolated" ? isolate(vm, signal) : undefined),
    cleanup: { none: "it goes with the tap" },
    applyConfigChange: async (before, after, signal) => {
      if (before.network === after.network || after.state !== "running") return { applied: [] };
      // A network device is there from a VMM's start, or isn't.
      if (before.network === "none" || after.network === "none") return { applied: [] };
      await isolate(after, signal);
      return { applied: ["network"] };
    },
  };
}
