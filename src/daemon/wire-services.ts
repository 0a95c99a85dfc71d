import type { Installation } from "../installation/install-file.ts";
import type { Layout } from "../installation/layout.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Spans } from "../telemetry/spans.ts";
import { qcow2 } from "./disk/qcow2.ts";
import { guestPrograms } from "./guest/guest-programs.ts";
import { createHelperLink, type HelperLink } from "./helper-link.ts";
import { ImageService } from "./image/image-service.ts";
import { KernelService } from "./kernel/kernel-service.ts";
import { HostNetwork } from "./network/host-network.ts";
import { guestResolvers } from "./network/resolvers.ts";
import { createRunner } from "./process/run.ts";
import { openSshKeys } from "./ssh/ssh-keys.ts";
import { removeHalves, setHalvesAside } from "./store/halves.ts";
import { createStepRunner, type StepRunner } from "./step/step-runner.ts";
import type { TraceStore } from "./trace/trace-store.ts";
import { createBootTrace } from "./vm/boot-trace.ts";
import { reconcile, removeOrphanDirectories } from "./vm/reconcile.ts";
import { createRelease } from "./vm/release.ts";
import { RunningVms } from "./vm/running.ts";
import { VmLocks } from "./vm/vm-locks.ts";
import { VmRecords } from "./vm/vm-records.ts";
import { VmService, type VmServiceDeps } from "./vm/vm-service.ts";
import { chooseAccelerator } from "./vmm/accelerator.ts";
import type { VmmDriver } from "./vmm/driver.ts";
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
  /** The directory of `init` and `banger-agent`. */
  readonly guestPrograms: string;
  /** What a test puts in place of what is made here. */
  readonly preinstalled?: { readonly steps?: (made: StepRunner) => StepRunner };
}

/** Everything that the handlers use. */
export interface Services {
  readonly helper: HelperLink;
  readonly network: HostNetwork;
  readonly kernels: KernelService;
  readonly images: ImageService;
  readonly vms: VmService;
  readonly traces: TraceStore;
  readonly accelerator: VmmDriver["accelerator"];
  close(): void;
}

/** Builds the services in dependency order. VMs go on running when they are closed. */
export async function wireServices(infrastructure: Infrastructure): Promise<Services> {
  const { installation, layout, database, traces, spans, log, now } = infrastructure;
  const made = createStepRunner({ spans, log });
  const steps = infrastructure.preinstalled?.steps?.(made) ?? made;
  const run = createRunner({ spans });
  const helper = createHelperLink({ path: layout.helperSocket, spans, log });
  const network = new HostNetwork({ installation, layout, helper, steps });
  const kernels = new KernelService({ database, layout, run, now });
  const images = new ImageService({ database, layout, run, now });
  const records = new VmRecords(database, now, (error) =>
    log.error({ err: error }, "when VMs were last used is not kept yet"),
  );
  const running = new RunningVms();
  const driver = createQemuDriver({ helper, layout, accelerator: chooseAccelerator() });
  const deps: VmServiceDeps = {
    installation,
    layout,
    records,
    running,
    driver,
    helper,
    steps,
    spans,
    log,
    images,
    kernels,
    disk: qcow2({ run }),
    keys: await openSshKeys(layout),
    locks: new VmLocks(),
    release: createRelease({ records, running, driver, helper, log }),
    bootTrace: createBootTrace(spans),
    resolvers: () => guestResolvers(installation.resolvers),
    guestPrograms: guestPrograms(infrastructure.guestPrograms),
  };
  const vms = new VmService(deps);
  removeOrphanDirectories(deps);
  const halves = setHalvesAside({ layout, database, run, log });
  if (halves.length > 0) {
    void spans.operation("daemon.tidy", {}, () => removeHalves(halves, { layout, database, run, log }));
  }
  helper.onReachable(() => spans.operation("daemon.reconcile", {}, () => reconcile(deps)));
  return {
    helper,
    network,
    kernels,
    images,
    vms,
    traces,
    accelerator: driver.accelerator,
    close: () => {
      records.flush();
      running.close();
      helper.close();
    },
  };
}
