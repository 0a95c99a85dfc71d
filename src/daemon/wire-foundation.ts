import { firecrackerPlaces } from "../installation/firecracker-places.ts";
import { attribute } from "../telemetry/names.ts";
import { parseTraceparent } from "../telemetry/traceparent.ts";
import type { Infrastructure } from "./infrastructure.ts";
import { createPeerCredentials } from "../rpc/peer-credentials.ts";
import { UserConfig } from "./config/user-config.ts";
import { statfsRoom } from "./disk/room.ts";
import { createRootDisks } from "./disk/root-disks.ts";
import { createHelperLink } from "./helper/helper-link.ts";
import { ImageService } from "./image/image-service.ts";
import { whyNotFirecracker } from "./kernel/firecracker-fit.ts";
import { KernelService } from "./kernel/kernel-service.ts";
import { HostNetwork } from "./network/host-network.ts";
import { HostRouting } from "./network/names/host-routing.ts";
import { GuestNames } from "./network/names/guest-names.ts";
import { OperationRecords } from "./operation/operation-records.ts";
import { Operations } from "./operation/operations.ts";
import { publicResult } from "./operation/public-result.ts";
import { createRunner } from "./process/run.ts";
import { HostProcesses } from "./stats/vmm-process.ts";
import { createStepRunner } from "./step/step-runner.ts";
import { createExitReader, procProcesses } from "./vm/lifecycle/exit.ts";
import { RunTimes } from "./vm/expiry/run-times.ts";
import { Uses } from "./vm/expiry/uses.ts";
import { RunningVms } from "./vm/running.ts";
import { activeStates } from "./vm/state.ts";
import { VmLocks } from "./vm/vm-locks.ts";
import { VmRecords } from "./vm/vm-records.ts";
import type { VmmDrivers } from "./vmm/driver.ts";
import { createFirecrackerDriver } from "./vmm/firecracker/firecracker-driver.ts";
import { createQemuDriver } from "./vmm/qemu/qemu-driver.ts";
import { VmmChooser } from "./vmm/vmm-choice.ts";
import { VmmProbes } from "./vmm/vmm-probes.ts";
import { VolumeRecords } from "./volume/volume-records.ts";
import { VolumeService } from "./volume/volume-service.ts";

/** What VMs and everything else stand on. */
export function wireFoundation(infrastructure: Infrastructure) {
  const { installation, layout, database, spans, log, foreign, now, bootId, uptimeMs, preinstalled } = infrastructure;
  const made = createStepRunner({ spans, log });
  const steps = preinstalled?.steps?.(made) ?? made;
  const { ownUnit: program } = infrastructure;
  const run = createRunner({
    spans,
    ...(program === undefined ? {} : { ownUnits: { program, socket: layout.buildSocket } }),
  });
  const operationRecords = new OperationRecords(database, bootId);
  const interrupted = operationRecords.interruptRunning();
  if (interrupted > 0) log.warn({ interrupted }, "operations were interrupted when the daemon before this one ended");
  const operations = new Operations({ records: operationRecords, spans, log, publicResult });
  const config = new UserConfig(infrastructure.configPath);
  const helper =
    preinstalled?.helper ??
    createHelperLink({
      path: layout.helperSocket,
      spans,
      log,
      takeRecords: (opId, records, left) => foreign.fromHelper(opId, spans.activeVm(), records, left),
    });
  const kernels = new KernelService({ database, layout, run, now });
  const images = new ImageService({ database, layout, run, now });
  const times = new RunTimes({
    path: layout.runTimes,
    bootId,
    now,
    uptimeMs,
    complain: (error) => log.warn({ err: error }, "for how long VMs run is not kept for the next daemon"),
  });
  const records = new VmRecords(
    database,
    now,
    (error) => log.error({ err: error }, "when VMs were last used is not kept yet"),
    {
      onUse: (id) => {
        times.used(id);
        spans.about(id);
      },
      // What is done with a VM follows from its start.
      onMeant: ({ started_by: start }) => spans.linkTo(parseTraceparent(start)),
    },
  );
  const uses = new Uses({ touch: (id) => records.touch(id), held: (id, is) => times.held(id, is) });
  const volumeRecords = new VolumeRecords(database);
  const volumes = new VolumeService({
    records: volumeRecords,
    database,
    layout,
    run,
    now,
    isActive: (vmId) => activeStates.has(records.must(vmId).state),
  });
  const names = new GuestNames({ installation, layout, vms: records, log });
  const routing = new HostRouting({ installation, helper, names });
  const network = new HostNetwork({ installation, layout, helper, names, routing, steps, spans, log });
  const running = new RunningVms(helper);
  const processes = new HostProcesses();
  const peerOf = createPeerCredentials();
  const drivers: VmmDrivers = {
    qemu: createQemuDriver({
      helper,
      layout,
      ownerUid: installation.ownerUid,
      peerOf,
      asks: (command) => spans.event("qmp", { [attribute.rpcMethod]: command }),
    }),
    firecracker: createFirecrackerDriver({
      helper,
      layout,
      ownerUid: installation.ownerUid,
      peerOf,
      spans,
      complain: (error) => log.warn({ err: error }, "what a Firecracker doesn't tell is not kept for the next daemon"),
    }),
  };
  const probes = new VmmProbes({ helper, places: preinstalled?.firecrackerPlaces ?? firecrackerPlaces });
  const chooser = new VmmChooser({
    helper,
    probes,
    // One whose files are gone is told as that.
    kernelTrouble: (id) => (kernels.find(id).missing === true ? undefined : whyNotFirecracker(layout.kernel(id))),
  });
  const disks = createRootDisks({ layout, run, helper });
  const roomOf = preinstalled?.roomOf ?? statfsRoom;
  const exits = createExitReader({ helper, processes: preinstalled?.processes ?? procProcesses });
  const locks = new VmLocks();
  return {
    steps,
    run,
    operationRecords,
    operations,
    config,
    helper,
    kernels,
    images,
    times,
    records,
    uses,
    volumeRecords,
    volumes,
    names,
    routing,
    network,
    running,
    processes,
    drivers,
    probes,
    chooser,
    disks,
    roomOf,
    exits,
    locks,
  };
}

/** What {@link wireFoundation} makes. */
export type Foundation = ReturnType<typeof wireFoundation>;
