import type { Finding } from "../../rpc/contract/finding.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import { bridgeWarnings, forwardWarnings, hostWarnings } from "../network/warnings.ts";

type Network = NonNullable<ResultOf<typeof helperContract.hostLook>["network"]>;

/** What is wrong with the network that VMs share. `inUse`: VMs run, so it has to be there. */
export function networkFindings(network: Network, address: string, inUse: boolean): Finding[] {
  const {
    name,
    bridge,
    rules,
    forwarding,
    in_use: taken,
    shadows,
    leads_elsewhere,
    drops = [],
    cuts = [],
    detached = [],
  } = network;
  const mend = "`banger doctor --fix` puts it in place again, as `network up` does.";
  const error = (code: string, message: string, hint: string): Finding => ({ code, level: "error", message, hint });
  const lacks = inUse || bridge === "incomplete";
  return [
    ...(bridge === "foreign"
      ? [error("bridge_foreign", `there is a link ${name} that isn't banger's`, "Rename or remove it.")]
      : []),
    ...(lacks && (bridge === "absent" || bridge === "incomplete")
      ? [error("bridge_incomplete", `bridge ${name} is ${bridge === "absent" ? "gone" : "not as it was made"}`, mend)]
      : []),
    ...(bridge === "complete" && detached.length > 0
      ? [
          error(
            "tap_detached",
            `${detached.join(", ")}: down, or not on the bridge: its guest is off its network`,
            mend,
          ),
        ]
      : []),
    ...(inUse && rules !== "current"
      ? [error("rules_changed", "the rules that guard guests were changed or removed", mend)]
      : []),
    ...(inUse && !forwarding
      ? [error("no_forwarding", "net.ipv4.ip_forward is off: guests reach nothing outside", mend)]
      : []),
    ...(taken === undefined
      ? []
      : [
          error(
            "subnet_in_use",
            taken,
            "Choose a free `subnet` in the install file and restart bangerd-root and bangerd.",
          ),
        ]),
    ...bridgeWarnings({
      bridge: name,
      address,
      created: false,
      shadows,
      // Of a bridge without its address or its route no other is to blame.
      ...(leads_elsewhere === undefined || bridge === "incomplete" ? {} : { leads_elsewhere }),
    }).map(asFinding),
    ...hostWarnings({ drops, cuts }, name).map(asFinding),
    ...forwardWarnings(drops, name).map(asFinding),
  ];
}

/** A warning of a start, as the doctor tells it. */
function asFinding(warning: Warning): Finding {
  return { ...warning, level: "warning" };
}
