import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { Capability, DoctorCheck } from "../capability/capability.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import { searchPath } from "../process/run.ts";
import { networkFindings } from "./network-findings.ts";
import { programsCheck, roomCheck, subordinateIdsCheck } from "./owner-checks.ts";
import { vmmFindings } from "./vmm-findings.ts";

/** What the checks look at. */
export interface ChecksDeps {
  readonly layout: Pick<Layout, "vms">;
  /** The bridge's own address, with the length of its prefix. */
  readonly address: string;
  readonly helper: Pick<HelperLink, "call">;
  /** Where the daemon answers guests' DNS. */
  readonly dnsPort: () => Promise<number | undefined>;
  readonly vms: () => readonly Vm[];
  /** How many kernels and images there are. */
  readonly stock: () => { readonly kernels: number; readonly images: number };
  readonly capabilities: readonly Capability[];
}

/** Everything that the doctor looks at, in the order in which it is told. */
export function doctorChecks(deps: ChecksDeps): DoctorCheck[] {
  return [
    helperCheck(deps),
    kvmCheck(deps),
    networkCheck(deps),
    programsCheck(searchPath(process.env)),
    subordinateIdsCheck(),
    roomCheck(deps.layout.vms),
    stockCheck(deps),
    vmsCheck(deps),
    ...deps.capabilities.flatMap((capability) => capability.doctorChecks ?? []),
  ];
}

type Looked = ResultOf<typeof helperContract.hostLook>;

/** Everything that root sees of this host. */
async function look({ helper, dnsPort }: ChecksDeps, network: boolean, signal: AbortSignal): Promise<Looked> {
  const port = network ? await dnsPort() : undefined;
  return helper.call(
    helperContract.hostLook,
    { network, ...(port === undefined ? {} : { dns_port: port }) },
    { signal },
  );
}

function helperCheck(deps: ChecksDeps): DoctorCheck {
  return { name: "vmm", run: async (signal) => withHelper(async () => vmmFindings(await look(deps, false, signal))) };
}

function kvmCheck({ helper }: ChecksDeps): DoctorCheck {
  return {
    name: "kvm",
    run: async (signal) =>
      withHelper(async () => {
        const { usable, why } = await helper.call(helperContract.kvmProbe, {}, { signal });
        if (usable) return [];
        const hint =
          "VMs run without it, more slowly. See to the device and its group, or to virtualisation in the firmware.";
        return [{ code: "no_kvm", level: "warning", message: why, hint }];
      }, true),
  };
}

function networkCheck(deps: ChecksDeps): DoctorCheck {
  return {
    name: "network",
    run: async (signal) =>
      withHelper(async () => {
        const { network } = await look(deps, true, signal);
        if (network === undefined) return [];
        const inUse = deps.vms().some(({ state, network: mode }) => state === "running" && mode !== "none");
        return networkFindings(network, deps.address, inUse);
      }, true),
  };
}

/** A helper that is away is one finding, told once. */
async function withHelper(work: () => Promise<Finding[]>, told = false): Promise<Finding[]> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    if (error.code === "helper_unavailable") {
      const away: Finding = {
        code: "helper_unavailable",
        level: "error",
        message: error.plain,
        hint: "Start it as root: `bangerd-root`.",
      };
      return told ? [] : [away];
    }
    if (error.code !== "unknown_method") throw error;
    const hint = "Restart bangerd-root.";
    return [{ code: "helper_older", level: "warning", message: "the helper is older than the daemon", hint }];
  }
}

function stockCheck({ stock }: ChecksDeps): DoctorCheck {
  return {
    name: "stock",
    run: async () => {
      const { kernels, images } = stock();
      const none = (what: string, how: string): Finding => ({
        code: `no_${what}`,
        level: "warning",
        message: `there is no ${what} to make a VM of`,
        hint: `\`${how}\` makes the first one.`,
      });
      return [
        ...(kernels > 0 ? [] : [none("kernel", "banger kernel import linux-image-cloud-amd64")]),
        ...(images > 0 ? [] : [none("image", "banger image build debian")]),
      ];
    },
  };
}

/** VMs that run and with which something is the matter. */
function vmsCheck({ vms }: ChecksDeps): DoctorCheck {
  return {
    name: "vms",
    run: async () =>
      vms()
        .filter(({ health }) => typeof health === "string" && health !== "ok" && health !== "paused")
        .map(({ name, health }) => ({
          code: health as string,
          level: "warning" as const,
          message: `vm ${name} runs, but is ${(health as string).replace("_", " ")}`,
          hint: `\`banger vm show ${name}\` says more, \`banger vm logs ${name}\` shows its console.`,
        })),
  };
}
