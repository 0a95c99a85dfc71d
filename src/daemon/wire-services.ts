import { formatIpv4, type Installation, parseSubnet } from "../installation/install-file.ts";
import type { Layout } from "../installation/layout.ts";
import { createPeerCredentials } from "../rpc/peer-credentials.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Spans } from "../telemetry/spans.ts";
import { vmCapabilities } from "./capability/capabilities.ts";
import { doctorChecks } from "./doctor/checks.ts";
import { Doctor } from "./doctor/doctor.ts";
import { createRootDisks } from "./disk/root-disks.ts";
import { createBootTrace } from "./guest/boot-trace.ts";
import { machineIdOf } from "./guest/machine-id.ts";
import { guestPrograms } from "./guest/guest-programs.ts";
import { createStartInitrd } from "./guest/start-initrd.ts";
import { createHelperLink, type HelperLink } from "./helper/helper-link.ts";
import { ImageService } from "./image/image-service.ts";
import { KernelService } from "./kernel/kernel-service.ts";
import { HostNetwork } from "./network/host-network.ts";
import { HostRouting } from "./network/names/host-routing.ts";
import { GuestNames } from "./network/names/guest-names.ts";
import { OperationRecords } from "./operation/operation-records.ts";
import { OperationAccess } from "./operation/operation-access.ts";
import { Operations } from "./operation/operations.ts";
import { publicResult } from "./operation/public-result.ts";
import { settleInterrupted } from "./operation/settle-interrupted.ts";
import { createRunner } from "./process/run.ts";
import { openSshKeys } from "./ssh/ssh-keys.ts";
import { removeHalves, setHalvesAside } from "./store/halves.ts";
import { createStepRunner, type StepRunner } from "./step/step-runner.ts";
import type { TraceStore } from "./trace/trace-store.ts";
import { createAdmission, type HostMemory, procMemory } from "./vm/admission.ts";
import { createExitReader, type ExitReaderDeps, procProcesses } from "./vm/lifecycle/exit.ts";
import { type RunDeps, runVm } from "./vm/lifecycle/run.ts";
import { createAlone } from "./vm/alone.ts";
import { GuestAccess } from "./vm/guest-access.ts";
import { createPreflight } from "./vm/preflight.ts";
import { vmParts } from "./vm/parts/parts.ts";
import { RebootLimit } from "./vm/reboot-limit.ts";
import { keepReconciled, removeHalfVms } from "./vm/reconcile.ts";
import { RunningVms } from "./vm/running.ts";
import { supervise, type SuperviseDeps } from "./vm/supervise.ts";
import { VmLocks } from "./vm/vm-locks.ts";
import { VmRecords } from "./vm/vm-records.ts";
import { VmRuns } from "./vm/vm-runs.ts";
import { VmService } from "./vm/vm-service.ts";
import { VmWaits } from "./vm/wait.ts";
import type { Accelerator, VmmDrivers } from "./vmm/driver.ts";
import { createQemuDriver } from "./vmm/qemu/qemu-driver.ts";
import type { Store } from "./store/store.ts";

/** What the services stand on. */
export interface Infrastructure {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly database: Store;
  readonly traces: TraceStore;
  readonly spans: Spans;
  readonly log: Logger;
  readonly now: () => Date;
  /** Which run of the host this is (proc(5), /proc/sys/kernel/random/boot_id). */
  readonly bootId: string;
  /** The directory of `init` and `banger-agent`. */
  readonly guestPrograms: string;
  /** What a test puts in place of what is made here. */
  readonly preinstalled?: {
    readonly steps?: (made: StepRunner) => StepRunner;
    readonly helper?: HelperLink;
    readonly memory?: HostMemory;
    readonly processes?: ExitReaderDeps["processes"];
  };
}

/** Everything that the handlers use. */
export interface Services {
  readonly helper: HelperLink;
  readonly network: HostNetwork;
  readonly kernels: KernelService;
  readonly images: ImageService;
  readonly vms: VmService;
  readonly waits: VmWaits;
  readonly runs: VmRuns;
  readonly guests: GuestAccess;
  readonly doctor: Doctor;
  readonly traces: TraceStore;
  readonly operations: Operations;
  readonly operationAccess: OperationAccess;
  /** How this host ran guests when the helper, which tries it, was last met. */
  readonly accelerator: () => Accelerator | undefined;
  /** VMs go on running. */
  close(): void;
}

/** Builds the services in dependency order. */
export async function wireServices(infrastructure: Infrastructure): Promise<Services> {
  const { installation, layout, database, traces, spans, log, now, bootId, preinstalled } = infrastructure;
  const closing = new AbortController();
  const made = createStepRunner({ spans, log });
  const steps = preinstalled?.steps?.(made) ?? made;
  const run = createRunner({ spans });
  const operationRecords = new OperationRecords(database, bootId);
  const interrupted = operationRecords.interruptRunning();
  if (interrupted > 0) log.warn({ interrupted }, "operations were interrupted when the daemon before this one ended");
  const operations = new Operations({ records: operationRecords, spans, log, publicResult });
  const helper = preinstalled?.helper ?? createHelperLink({ path: layout.helperSocket, spans, log });
  const kernels = new KernelService({ database, layout, run, now });
  const images = new ImageService({ database, layout, run, now });
  const records = new VmRecords(database, now, (error) =>
    log.error({ err: error }, "when VMs were last used is not kept yet"),
  );
  const names = new GuestNames({ installation, layout, vms: records, log });
  const routing = new HostRouting({ installation, helper, names });
  const network = new HostNetwork({ installation, layout, helper, names, routing, steps, spans, log });
  const running = new RunningVms(helper);
  const peerOf = createPeerCredentials();
  const drivers: VmmDrivers = { qemu: createQemuDriver({ helper, layout, ownerUid: installation.ownerUid, peerOf }) };
  const disks = createRootDisks({ layout, run });
  const keys = await openSshKeys(layout);
  const exits = createExitReader({ helper, processes: preinstalled?.processes ?? procProcesses });
  const locks = new VmLocks();
  const { first, prefix } = parseSubnet(installation.subnet);
  const startInitrd = createStartInitrd({
    layout,
    keys,
    guestPrograms: guestPrograms(infrastructure.guestPrograms),
    prefix,
    gateway: formatIpv4(first),
    names: () => names.given(),
    machineId: (vmId) => machineIdOf(installation.id, vmId),
  });
  const capabilities = vmCapabilities({ helper, routing, log });
  const parts = vmParts({
    layout,
    records,
    running,
    drivers,
    helper,
    spans,
    startInitrd,
    disks,
    capabilities,
    bootTrace: createBootTrace(spans),
  });
  const admission = createAdmission({ records, memory: preinstalled?.memory ?? procMemory, kernels });
  const starting: RunDeps = {
    records,
    start: { records, parts, network, steps, admission, preflight: createPreflight({ helper, capabilities }), bootId },
    supervise: (vm) => supervise(supervision, vm),
    log,
  };
  const supervision: SuperviseDeps = {
    layout,
    records,
    running,
    drivers,
    parts,
    steps,
    locks,
    operations,
    exits,
    spans,
    log,
    bootId,
    reboots: new RebootLimit(),
    // It had its memory until now.
    startAgain: (vm, context) => runVm(starting, vm, { overcommit: true, warnings: [] }, context),
    adopting: new Set(),
    closing: closing.signal,
  };
  const stop = { records, parts, steps, running, exits, helper };
  const waits = new VmWaits({ records, running, locks, steps });
  const lifecycle = {
    records,
    running,
    locks,
    operations,
    create: { installation, layout, records, images, kernels, disks, keys, steps },
    run: starting,
    stop,
    pause: { running, steps },
    waits,
    remove: { layout, records, disks, steps },
  };
  const vms = new VmService({
    ...lifecycle,
    layout,
    disks,
    now,
    alone: createAlone({ operations, locks, records, running }),
    growDisk: { records, running, disks, helper, steps },
  });
  const guests = new GuestAccess({ layout, records, running, network });
  const runs = new VmRuns({ ...lifecycle, guests, log, closing: closing.signal });
  removeHalfVms({ layout, records });
  const settling = { records: operationRecords, vms: records, database, log };
  settleInterrupted(settling, false);
  const halves = setHalvesAside({ layout, database, run, log });
  if (halves.length > 0) {
    void spans.operation("daemon.tidy", {}, () => removeHalves(halves, { layout, database, run, log }));
  }
  // VMs that run ask at once, also while the helper is away.
  void names.listen();
  let accelerator: Accelerator | undefined;
  helper.onReachable(async () => {
    accelerator = await drivers.qemu.accelerator().catch(() => undefined);
    await keepReconciled({ ...supervision, helper, spans });
    void runs.removeEnded().catch((error: unknown) => log.error({ err: error }, "what is to go can't be looked for"));
    settleInterrupted(settling, true);
    await network.resume();
  });
  return {
    helper,
    network,
    kernels,
    images,
    vms,
    waits,
    runs,
    guests,
    doctor: new Doctor({
      checks: doctorChecks({
        layout,
        address: `${formatIpv4(first)}/${prefix}`,
        helper,
        dnsPort: () => names.listen(),
        vms: () => vms.list(),
        stock: () => ({ kernels: kernels.list().length, images: images.list().length }),
        capabilities,
      }),
      fixes: { network: (findings, context) => network.mend(findings, context) },
    }),
    traces,
    operations,
    operationAccess: new OperationAccess({ operations, records: operationRecords, traces, spans, log }),
    accelerator: () => accelerator,
    close: () => {
      closing.abort();
      records.flush();
      running.close();
      helper.close();
      void names.close();
    },
  };
}
