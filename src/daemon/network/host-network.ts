import { formatIpv4, type Installation, parseSubnet } from "../../installation/install-file.ts";
import type { Layout } from "../../installation/layout.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import type { networkContract } from "../../rpc/contract/network.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { OperationContext } from "../operation/operations.ts";
import type { GuestNames } from "./names/guest-names.ts";
import type { HostRouting } from "./names/host-routing.ts";
import { networkSteps } from "./network-steps.ts";
import { bridgeWarnings, hostWarnings } from "./warnings.ts";
import type { Step, StepRunner } from "../step/step-runner.ts";

/** What the host's network needs. */
export interface HostNetworkDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly helper: HelperLink;
  readonly names: GuestNames;
  readonly routing: HostRouting;
  readonly steps: StepRunner;
  readonly spans: Spans;
  readonly log: Logger;
}

/** What bringing it up puts right, of what a look finds. */
/** What is put right by bringing the network up again, by the code of the finding. */
const mends: Readonly<Record<string, string>> = {
  bridge_incomplete: "the bridge",
  tap_detached: "VMs' taps on the bridge",
  rules_changed: "the rules that guard guests",
  no_forwarding: "forwarding",
};

/** The bridge, the rules and the name server that all VMs share. */
export class HostNetwork {
  readonly #deps: HostNetworkDeps;

  constructor(deps: HostNetworkDeps) {
    this.#deps = deps;
  }

  /** The steps that make it, or find it as it should be; what will trouble guests is written down, and put into the list. */
  bringUp(warnings: Warning[], { taps = false } = {}): Step<unknown>[] {
    return networkSteps(this.#deps, (warning) => this.#warn(warning, warnings), taps);
  }

  #warn(warning: Warning, warnings: Warning[]): void {
    this.#deps.log.warn({ code: warning.code, hint: warning.hint }, warning.message);
    warnings.push(warning);
  }

  /** Makes it, or finds it as it should be. */
  async up(context: OperationContext): Promise<ResultOf<typeof networkContract.networkUp>> {
    const { steps, layout, installation, routing } = this.#deps;
    const warnings: Warning[] = [];
    const { first, prefix } = parseSubnet(installation.subnet);
    const names = { zone: installation.zone, server: formatIpv4(first), port: null as number | null, routed: false };
    const route: Step<unknown> = {
      name: "dns",
      do: async (_, signal) => {
        const { port, lack } = await routing.ensure(signal);
        names.port = port ?? null;
        names.routed = lack === undefined;
        if (lack !== undefined) this.#warn(lack, warnings);
      },
      undo: { none: "the routing is shared; `network down` removes it" },
    };
    await steps.run({
      operation: "network.up",
      subject: undefined,
      context,
      steps: [...this.bringUp(warnings, { taps: true }), route],
    });
    return { bridge: layout.bridge, address: `${formatIpv4(first)}/${prefix}`, table: layout.table, names, warnings };
  }

  /** What lies between this host and its guests, as far as the helper sees it now; nothing where it can't be asked. */
  async inTheWay(signal: AbortSignal): Promise<Warning[]> {
    try {
      const { network } = await this.#deps.helper.call(helperContract.hostLook, { network: true }, { signal });
      if (network === undefined) return [];
      const { name, drops = [], cuts = [], leads_elsewhere: elsewhere } = network;
      const led = {
        bridge: name,
        address: "",
        created: false,
        ...(elsewhere === undefined ? {} : { leads_elsewhere: elsewhere }),
      };
      return [...bridgeWarnings(led), ...hostWarnings({ drops, cuts }, name)];
    } catch {
      return [];
    }
  }

  /** Puts in place again what somebody changed while VMs run; says so. */
  async mend(findings: readonly Finding[], context: Pick<OperationContext, "signal" | "emit">): Promise<string[]> {
    const mended = Object.entries(mends).filter(([code]) => findings.some((found) => found.code === code));
    if (mended.length === 0) return [];
    const steps = this.bringUp([], { taps: true });
    await this.#deps.steps.run({ operation: "network.up", subject: undefined, context, steps });
    return [`put in place again: ${mended.map(([, what]) => what).join(", ")}`];
  }

  /** Removes bridge, routing of names and rules; the helper refuses while a tap is there. */
  async down(): Promise<ResultOf<typeof networkContract.networkDown>> {
    const { helper, names, routing } = this.#deps;
    const bridge = await helper.call(helperContract.bridgeRemove, {});
    await routing.clear();
    const nat = await helper.call(helperContract.natRemove, {});
    await names.close();
    names.led(false);
    return { ...nat, removed: bridge.removed || nat.removed };
  }

  /** For VMs that run while a daemon or a helper comes back: rules that lead where names are answered, and that are there. */
  async resume(): Promise<void> {
    const { helper, names, routing, spans, log } = this.#deps;
    const port = await names.listen();
    if (port === undefined) return;
    await spans
      .operation("network.resume", {}, async () => {
        await helper.call(helperContract.natEnsure, { dns_port: port });
        await routing.ensure();
      })
      .catch((error: unknown) => log.warn({ err: error }, "the rules of the guests' network were not looked after"));
  }
}
