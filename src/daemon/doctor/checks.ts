import { dirname } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { Image } from "../../rpc/contract/image.ts";
import type { Kernel } from "../../rpc/contract/kernel.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";
import type { Capability, DoctorCheck, SayingCheck } from "../capability/capability.ts";
import { absentIn, type Finders } from "../config/named-things.ts";
import type { UserConfig } from "../config/user-config.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import { type Replaced, saysOf } from "../store/database-mark.ts";
import { searchPath } from "../process/run.ts";
import type { Planned } from "../vm/reconcile/plan.ts";
import { isNotReleased } from "../vm/state.ts";
import { autoChoice } from "../vmm/vmm-list.ts";
import { contentMissing } from "../vm/vm-files.ts";
import { leftoverFindings } from "./leftover-findings.ts";
import { networkFindings } from "./network-findings.ts";
import { homeCheck, programsCheck, roomCheck, subordinateIdsCheck } from "./owner-checks.ts";
import { vmmChoiceCheck, type VmmChoiceDeps } from "./vmm-choice-check.ts";
import { vmmFindings } from "../vmm/vmm-findings.ts";
import { withHelper } from "./with-helper.ts";

/** What the checks look at. */
export interface ChecksDeps extends VmmChoiceDeps {
  readonly layout: Pick<Layout, "vms" | "database" | "image" | "kernel" | "ssh">;
  /** The bridge's own address, with the length of its prefix. */
  readonly address: string;
  readonly helper: Pick<HelperLink, "call" | "mustAnswer">;
  readonly config: Pick<UserConfig, "read">;
  /** What the config file may name. */
  readonly named: Finders;
  /** Where the daemon answers guests' DNS. */
  readonly dnsPort: () => Promise<number | undefined>;
  readonly vms: () => readonly Vm[];
  /** True while a mutation of this VM is under way. */
  readonly isBusy: (vmId: string) => boolean;
  /** The kernels and images that there are. */
  readonly stock: () => { readonly kernels: readonly Kernel[]; readonly images: readonly Image[] };
  readonly capabilities: readonly Capability[];
  /** Why the SSH key isn't in the owner's home. */
  readonly awayFromHome: string | undefined;
  /** What isn't as records, files and the host should be. */
  readonly plan: () => Promise<readonly Planned[]>;
  /** Whether the database isn't the one that this state was last used with. */
  readonly replaced: () => Replaced | undefined;
}

/** Everything that the doctor looks at, in the order in which it is told. */
export function doctorChecks(deps: ChecksDeps): SayingCheck[] {
  return [
    helperCheck(deps),
    kvmCheck(deps),
    vmmChoiceCheck(deps),
    networkCheck(deps),
    programsCheck(searchPath(process.env)),
    subordinateIdsCheck(),
    roomCheck(deps.layout.vms),
    databaseCheck(deps),
    stockCheck(deps),
    configCheck(deps),
    homeCheck(deps.awayFromHome, deps.layout.ssh),
    vmsCheck(deps),
    leftoversCheck(deps),
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
  const run = async (signal: AbortSignal) => vmmFindings(await look(deps, false, signal), await neededVmm(deps));
  return { name: "vmm", run: async (signal) => withHelper(deps.helper, () => run(signal)) };
}

/** QEMU is missed by nobody where no VM has it, and none gets it. */
async function neededVmm({ records, chooser }: ChecksDeps): Promise<VmmKind> {
  return records().some(({ vmm }) => vmm === "qemu") ? "qemu" : (await autoChoice(chooser)).kind;
}

function kvmCheck({ helper }: ChecksDeps): DoctorCheck {
  return {
    name: "kvm",
    run: async (signal) =>
      withHelper(
        helper,
        async () => {
          const { usable, why } = await helper.call(helperContract.kvmProbe, {}, { signal });
          if (usable) return [];
          const hint =
            "VMs run without it, more slowly. See to the device and its group, or to virtualisation in the firmware.";
          return [{ code: "no_kvm", level: "warning", message: why, hint }];
        },
        true,
      ),
  };
}

function networkCheck(deps: ChecksDeps): DoctorCheck {
  return {
    name: "network",
    run: async (signal) =>
      withHelper(
        deps.helper,
        async () => {
          const { network } = await look(deps, true, signal);
          if (network === undefined) return [];
          const inUse = deps.vms().some(({ state, network: mode }) => state === "running" && mode !== "none");
          return networkFindings(network, deps.address, inUse);
        },
        true,
      ),
  };
}

/** A database that was lost, or exchanged for an older one. */
function databaseCheck({ replaced, layout }: ChecksDeps): DoctorCheck {
  return {
    name: "database",
    run: async () => {
      const found = replaced();
      if (found === undefined) return [];
      const hint = `Stop bangerd, put the newest copy of ${layout.database} in its place, without its -wal and -shm, and start it. Where there is none, keep what you need of what \`banger reconcile --dry-run\` lists; an image comes back by \`banger image import\` of its file.`;
      return [{ code: "database_replaced", level: "error", message: saysOf(found), hint }];
    },
  };
}

function stockCheck({ stock, layout }: ChecksDeps): DoctorCheck {
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
      const gone = (
        what: "image" | "kernel",
        content: readonly (Image | Kernel)[],
        directoryOf: (id: string) => string,
      ) =>
        content
          .filter(({ missing }) => missing === true)
          .map(({ id, name }): Finding => ({ level: "error", ...contentMissing(what, name, directoryOf(id)) }));
      return [
        ...gone("kernel", kernels, (id) => layout.kernel(id).directory),
        ...gone("image", images, (id) => dirname(layout.image(id))),
        ...(kernels.length > 0 ? [] : [none("kernel", "banger kernel import linux-image-cloud-amd64")]),
        ...(images.length > 0 ? [] : [none("image", "banger image build debian")]),
      ];
    },
  };
}

/** The owner's config file, which no VM is made without. */
function configCheck({ config, named }: ChecksDeps): DoctorCheck {
  const wrong = (message: string, hint: string): Finding => ({ code: "bad_config", level: "error", message, hint });
  return {
    name: "config",
    run: async () => {
      try {
        const hint = "Correct that line, or name another with each create: without one no VM can be made.";
        return [...absentIn(config.read(), named).values()].map((why) => wrong(why, hint));
      } catch (error) {
        if (!(error instanceof BangerError) || error.code !== "bad_config") throw error;
        return [wrong(error.plain, "Correct or remove it: until then no VM can be made.")];
      }
    },
  };
}

const troubles: Readonly<Record<string, string>> = {
  agent_silent: "its agent doesn't answer",
  no_space: "stands still, as the host's disk is full",
  disk_failed: "stands still, as its disk can't be written",
  unreachable: "its VMM can't be reached",
};

/** VMs that run and with which something is the matter, and those that were ended and hold something still. */
function vmsCheck({ vms, records, isBusy }: ChecksDeps): DoctorCheck {
  return {
    name: "vms",
    run: async () => [
      ...vms()
        .filter(({ health }) => typeof health === "string" && health !== "ok" && health !== "paused")
        .map(({ name, health }) => ({
          code: health as string,
          level: "warning" as const,
          message: `vm ${name} runs, but ${troubles[health as string] ?? health}`,
          hint: `\`banger vm show ${name}\` says more, \`banger vm logs ${name}\` shows its console.`,
        })),
      ...records()
        .filter((vm) => isNotReleased(vm) && !isBusy(vm.id))
        .map(({ name }) => ({
          code: "not_released",
          level: "warning" as const,
          message: `vm ${name} is stopping: what it holds on the host could not all be released`,
          hint: `Where the helper is away, that goes on by itself when it is back; \`banger vm kill ${name}\` tries it now.`,
        })),
    ],
  };
}

/** What crashes, and those who helped by hand, left behind. */
function leftoversCheck({ plan, helper }: ChecksDeps): DoctorCheck {
  return { name: "leftovers", run: async () => withHelper(helper, async () => leftoverFindings(await plan()), true) };
}
