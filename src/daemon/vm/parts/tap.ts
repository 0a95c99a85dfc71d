import { helperContract } from "../../../rpc/contract/helper.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { Part } from "./part.ts";

/** The VM's port on the bridge, unless its guest has no network. */
export function tap({ helper }: { readonly helper: Pick<HelperLink, "call"> }): Part {
  return {
    name: "tap",
    acquire: async ({ vm }, signal) => {
      const { id, generation, address, mac } = vm;
      if (vm.network === "none") return;
      await helper.call(helperContract.tapCreate, { vm_id: id, generation, address, mac }, { signal });
    },
    release: async ({ id, generation }) =>
      void (await helper.call(helperContract.tapRemove, { vm_id: id, generation })),
    found: ({ taps }) => taps.map(({ vm_id, generation }) => ({ id: vm_id, generation: generation ?? 0 })),
  };
}
