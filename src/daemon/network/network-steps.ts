import { helperContract } from "../../rpc/contract/helper.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { Step } from "../step/step-runner.ts";
import type { GuestNames } from "./names/guest-names.ts";
import { bridgeWarnings, forwardWarnings, hostWarnings, namesPass, withoutNames } from "./warnings.ts";

/** What the steps need. */
export interface NetworkStepsDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly names: Pick<GuestNames, "listen" | "led" | "lack">;
}

/** The steps that find or make what all VMs share: the bridge, the rules and forwarding, where names are asked; `warn` hears what will trouble guests. `taps`: every VM's is looked at too. */
export function networkSteps(
  { helper, names }: NetworkStepsDeps,
  warn: (warning: Warning) => void,
  taps: boolean,
): Step<unknown>[] {
  let bridge = "";
  return [
    {
      name: "bridge",
      do: async (_, signal) => {
        const made = await helper.call(helperContract.bridgeEnsure, taps ? { taps } : {}, { signal });
        bridge = made.bridge;
        for (const warning of bridgeWarnings(made)) warn(warning);
      },
      undo: { none: "the bridge is shared; `network down` removes it" },
    },
    {
      name: "nat",
      do: async (_, signal) => {
        // Before the rules lead there.
        const port = await names.listen();
        const params = port === undefined ? {} : { dns_port: port };
        const {
          dns_port: led,
          drops = [],
          cuts = [],
        } = await helper.call(helperContract.natEnsure, params, { signal });
        // One that is dropped on its way would cost a guest 5 s each time.
        names.led(led !== undefined && namesPass({ drops, cuts }));
        for (const warning of [...hostWarnings({ drops, cuts }, bridge), ...forwardWarnings(drops, bridge)])
          warn(warning);
        const { lack } = names;
        if (lack !== undefined) warn(withoutNames(lack, { drops, bridge, asked: port, led }));
      },
      undo: { none: "the table is shared; `network down` removes it" },
    },
  ];
}
