import { formatIpv4, type Installation, parseSubnet } from "../../installation/install-file.ts";
import type { Layout } from "../../installation/layout.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { OperationContext } from "../operation/operations.ts";
import { networkSteps } from "./network-steps.ts";
import type { StepRunner } from "../step/step-runner.ts";

/** What the host's network needs. */
export interface HostNetworkDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly helper: HelperLink;
  readonly steps: StepRunner;
}

/** The bridge and NAT that all VMs share. */
export class HostNetwork {
  readonly #deps: HostNetworkDeps;

  constructor(deps: HostNetworkDeps) {
    this.#deps = deps;
  }

  /** Makes bridge and NAT, or finds them as they should be. */
  async up(context: OperationContext): Promise<{ bridge: string; address: string; table: string }> {
    const { helper, steps, layout, installation } = this.#deps;
    await steps.run({
      operation: "network.up",
      subject: undefined,
      context,
      steps: networkSteps(helper),
    });
    const { first, prefix } = parseSubnet(installation.subnet);
    return { bridge: layout.bridge, address: `${formatIpv4(first)}/${prefix}`, table: layout.table };
  }

  /** Removes bridge and NAT; the helper refuses while a tap is there. */
  async down(): Promise<{ removed: boolean }> {
    const bridge = await this.#deps.helper.call(helperContract.bridgeRemove, {});
    const nat = await this.#deps.helper.call(helperContract.natRemove, {});
    return { removed: bridge.removed || nat.removed };
  }
}
