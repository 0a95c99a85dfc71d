import type { Infrastructure } from "./infrastructure.ts";
import { wireFoundation } from "./wire-foundation.ts";
import { wireVms } from "./wire-vms.ts";
import { formatIpv4, parseSubnet } from "../installation/install-file.ts";
import type { Finders } from "./config/named-things.ts";
import { UserConfig } from "./config/user-config.ts";
import { doctorChecks } from "./doctor/checks.ts";
import { reconciledLines } from "./doctor/leftover-findings.ts";
import { Doctor } from "./doctor/doctor.ts";
import { type HelperLink } from "./helper/helper-link.ts";
import { ImageService } from "./image/image-service.ts";
import { KernelService } from "./kernel/kernel-service.ts";
import { HostNetwork } from "./network/host-network.ts";
import { OperationAccess } from "./operation/operation-access.ts";
import { Operations } from "./operation/operations.ts";
import { settleInterrupted } from "./operation/settle-interrupted.ts";
import { compareMarks, type Replaced } from "./store/database-mark.ts";
import { removeHalves, setHalvesAside } from "./store/halves.ts";
import { VmStatsService } from "./stats/vm-stats.ts";
import type { TraceStore } from "./trace/trace-store.ts";
import { GuestAccess } from "./vm/guest-access.ts";
import { removeHalfVms } from "./vm/reconcile/halves.ts";
import { Reconciler } from "./vm/reconcile/reconcile.ts";
import { VmRuns } from "./vm/vm-runs.ts";
import { VmService } from "./vm/vm-service.ts";
import { VmWaits } from "./vm/wait.ts";
import type { Accelerator } from "./vmm/driver.ts";
import { probeAccelerator, toldAccelerator } from "./vmm/accelerator.ts";
import { listVmms } from "./vmm/vmm-list.ts";
import { VolumeService } from "./volume/volume-service.ts";

/** Everything that the handlers use. */
export interface Services {
  readonly config: UserConfig;
  /** What the config file may name. */
  readonly named: Finders;
  readonly helper: HelperLink;
  readonly network: HostNetwork;
  readonly kernels: KernelService;
  readonly images: ImageService;
  readonly vms: VmService;
  readonly volumes: VolumeService;
  readonly vmms: () => ReturnType<typeof listVmms>;
  readonly waits: VmWaits;
  readonly runs: VmRuns;
  readonly guests: GuestAccess;
  readonly stats: VmStatsService;
  readonly doctor: Doctor;
  readonly reconciler: Reconciler;
  readonly traces: TraceStore;
  readonly operations: Operations;
  readonly operationAccess: OperationAccess;
  /** How this host ran guests when the helper, which tries it, was last met. */
  readonly accelerator: () => Promise<Accelerator | undefined>;
  /** Whether the database isn't the one that this state was last used with. */
  readonly replaced: () => Replaced | undefined;
  /** VMs go on running. */
  close(): void;
}

/** Builds the services in dependency order; what was built is closed in reverse, also where a later one can't be. */
export async function wireServices(infrastructure: Infrastructure): Promise<Services> {
  const { installation, layout, database, traces, spans, log } = infrastructure;
  using closers = new DisposableStack();
  const foundation = wireFoundation(infrastructure);
  const { operations, operationRecords, config, helper, kernels, images, times, records, volumes } = foundation;
  const { names, network, running, probes, chooser, locks } = foundation;
  closers.defer(() => void names.close());
  closers.defer(() => helper.close());
  closers.defer(() => running.close());
  closers.defer(() => times.flush());
  closers.defer(() => records.flush());
  const closing = new AbortController();
  closers.defer(() => closing.abort());
  const engine = await wireVms(infrastructure, foundation, closing.signal);
  const { vms, runs, expiries, reconciler, capabilities } = engine;
  removeHalfVms({ layout, records, volumes });
  const named: Finders = { image: (name) => images.find(name), kernel: (name) => kernels.find(name) };
  const shown = (id: string) => {
    const vm = records.get(id);
    return vm === undefined ? undefined : running.shown(vm);
  };
  const settling = { records: operationRecords, vms: { get: shown }, database, log };
  settleInterrupted(settling, false);
  const halves = setHalvesAside(engine.halves);
  const replaced = compareMarks({ layout, database, log });
  if (halves.length > 0) void spans.operation("daemon.tidy", {}, () => removeHalves(halves, engine.halves));
  // VMs that run ask at once, also while the helper is away.
  void names.listen();
  const autostartOnce = once(() => engine.autostart());
  /** What is looked after in turn each time that the helper can be reached; one that fails keeps no other from it. */
  const whenReachable: readonly (readonly [what: string, work: () => Promise<unknown>])[] = [
    ["what an earlier helper said of VMMs is forgotten", async () => probes.forget()],
    ["KVM is tried, so that no start waits for that", () => probeAccelerator(helper)],
    ["records and host are compared", () => reconciler.keepTrue().finally(() => running.looked())],
    ["operations that were cut off are told of", async () => settleInterrupted(settling, true)],
    ["changes that were cut off are made", () => vms.finishChanges()],
    ["times to live are counted", async () => expiries.begin()],
    ["the network is looked after", () => network.resume()],
  ];
  /** What takes longer goes on beside these. */
  const besides: typeof whenReachable = [
    ["VMs whose command has ended are deleted", () => runs.removeEnded()],
    ["VMs are started with the daemon", autostartOnce],
  ];
  helper.onReachable(async () => {
    const looked = async ([what, work]: (typeof whenReachable)[number]) => {
      await work().catch((error: unknown) =>
        log.error({ err: error, what }, "this failed when the helper was reached"),
      );
    };
    for (const one of whenReachable) await looked(one);
    for (const one of besides) void looked(one);
  });
  const { first, prefix } = parseSubnet(installation.subnet);
  const open = closers.move();
  return {
    config,
    named,
    helper,
    network,
    kernels,
    images,
    vms,
    volumes,
    vmms: () => listVmms(foundation),
    waits: engine.waits,
    runs,
    guests: engine.guests,
    stats: engine.stats,
    doctor: new Doctor({
      checks: doctorChecks({
        layout,
        address: `${formatIpv4(first)}/${prefix}`,
        helper,
        config,
        named,
        dnsPort: () => names.listen(),
        vms: () => vms.list(),
        records: () => records.list(),
        isBusy: (id) => locks.isHeld(id),
        probes,
        chooser,
        stock: () => ({ kernels: kernels.list(), images: images.list() }),
        capabilities,
        awayFromHome: engine.awayFromHome,
        plan: () => reconciler.plan(),
        replaced,
      }),
      fixes: {
        network: (findings, context) => network.mend(findings, context),
        leftovers: async () =>
          reconciledLines((await reconciler.onDemand({ dry_run: false, remove_unowned: false })).items),
      },
    }),
    reconciler,
    traces,
    operations,
    operationAccess: new OperationAccess({
      operations,
      records: operationRecords,
      traces,
      spans,
      nameOf: (vmId) => records.get(vmId)?.name,
      log,
    }),
    accelerator: toldAccelerator(() => probeAccelerator(helper)),
    replaced,
    close: () => open.dispose(),
  };
}

function once(work: () => Promise<unknown>): () => Promise<unknown> {
  let begun: Promise<unknown> | undefined;
  return () => (begun ??= work());
}
