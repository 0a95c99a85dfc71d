import { dirname } from "node:path";
import type { Infrastructure } from "./infrastructure.ts";
import type { Foundation } from "./wire-foundation.ts";
import { formatIpv4, parseSubnet } from "../installation/install-file.ts";
import { vmCapabilities } from "./capability/capabilities.ts";
import { createBootTrace } from "./guest/boot-trace.ts";
import { machineIdOf } from "./guest/machine-id.ts";
import { guestPrograms } from "./guest/guest-programs.ts";
import { createStartInitrd } from "./guest/start-initrd.ts";
import { GuestKeys } from "./ssh/guest-keys.ts";
import { SshHosts } from "./ssh/ssh-hosts.ts";
import { openSshKeys } from "./ssh/ssh-keys.ts";
import { readLinkTable } from "./stats/link-counters.ts";
import { Sampler } from "./stats/sampler.ts";
import { VmStatsService } from "./stats/vm-stats.ts";
import { createAdmission, procMemory } from "./vm/admission.ts";
import { type RunDeps, runVm } from "./vm/lifecycle/run.ts";
import { createAlone } from "./vm/alone.ts";
import { autostart } from "./vm/autostart.ts";
import { GuestAccess } from "./vm/guest-access.ts";
import { Expiries } from "./vm/expiry/expiries.ts";
import { isConnectedTo } from "./vm/expiry/host-connections.ts";
import { createPreflight } from "./vm/preflight.ts";
import { vmParts } from "./vm/parts/parts.ts";
import { RebootLimit } from "./vm/reboot-limit.ts";
import { Reconciler } from "./vm/reconcile/reconcile.ts";
import { supervise, type SuperviseDeps } from "./vm/supervise.ts";
import { type StoredVm } from "./vm/vm-records.ts";
import { VmRuns } from "./vm/vm-runs.ts";
import { VmService } from "./vm/vm-service.ts";
import { VmWaits } from "./vm/wait.ts";

/** What is done with VMs. `closing` aborts when the daemon ends. */
export async function wireVms(infrastructure: Infrastructure, foundation: Foundation, closing: AbortSignal) {
  const { installation, layout, database, spans, log, now, bootId, uptimeMs, preinstalled } = infrastructure;
  const { steps, run, operations, config, helper, kernels, images, times, records, uses, volumeRecords, volumes } =
    foundation;
  const { names, routing, network, running, processes, drivers, chooser, disks, roomOf, exits, locks } = foundation;
  const ownerSsh = { home: infrastructure.ownerHome, directory: infrastructure.ownerState, standIn: layout.ssh };
  const keys = await openSshKeys(ownerSsh);
  if (keys.awayFromHome !== undefined) {
    log.warn({ reason: keys.awayFromHome }, "the SSH key is not in the owner's home");
  }
  const guestKeys = new GuestKeys({ layout, keys, log });
  const sshHosts = new SshHosts({
    ...ownerSsh,
    identityFile: keys.identityFile,
    vms: () => records.list(),
    hostKeyFile: (vmId) => layout.vm(vmId).hostKey,
    zone: installation.zone,
    complain: (why) => log.warn({ reason: why }, "known_hosts is not in the owner's home"),
  });
  void sshHosts.follow(
    () => records.changed(),
    closing,
    (error) => log.error({ err: error }, "what ssh has to know of VMs was not written down"),
  );
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
  const capabilities = [
    ...vmCapabilities({
      helper,
      routing,
      names,
      log,
      layout,
      volumes: volumeRecords,
      config,
      home: infrastructure.ownerHome,
      // Of all of the owner's installations.
      keys: infrastructure.ownerState === undefined ? undefined : dirname(infrastructure.ownerState),
      running,
    }),
    ...(preinstalled?.capabilities ?? []),
  ];
  const parts = vmParts({
    layout,
    records,
    running,
    drivers,
    helper,
    processes,
    spans,
    log,
    startInitrd,
    guestKeys,
    disks,
    roomOf,
    capabilities,
    bootTrace: createBootTrace(spans),
  });
  const admission = createAdmission({ records, memory: preinstalled?.memory ?? procMemory, kernels });
  const preflight = createPreflight({
    helper,
    layout,
    capabilities,
    admission,
    records,
    chooser,
    bridge: layout.bridge,
    address: `${formatIpv4(first)}/${prefix}`,
  });
  const starting: RunDeps = {
    records,
    start: { layout, keys, records, parts, network, steps, admission, preflight, running, bootId },
    supervise: (vm) => {
      // From here on its time is counted, whoever ends meanwhile. Its boot, which may be slow, is a use.
      times.of(vm);
      records.touch(vm.id);
      supervise(supervision, vm);
    },
    log,
  };
  const supervision: SuperviseDeps = {
    layout,
    records,
    helper,
    roomOf,
    guestKeys,
    running,
    drivers,
    parts,
    steps,
    locks,
    operations,
    exits,
    processes,
    spans,
    log,
    bootId,
    reboots: new RebootLimit(),
    // It had its memory until now.
    startAgain: (vm, context) => {
      // Nobody used it for that: its time goes on.
      times.goesOn(vm);
      const again = { ...starting, supervise: (now: StoredVm) => supervise(supervision, now) };
      return runVm(again, vm, { overcommit: true, again: true, warnings: [] }, context);
    },
    adopting: new Set(),
    closing,
  };
  const stop = { records, parts, steps, running, exits, helper };
  const waits = new VmWaits({ records, running, locks, steps, uses });
  const lifecycle = {
    records,
    running,
    locks,
    operations,
    create: {
      installation,
      layout,
      records,
      images,
      kernels,
      disks,
      keys,
      steps,
      config,
      chooser,
      volumes,
      volumeRecords,
    },
    run: starting,
    stop,
    pause: { running, steps },
    waits,
    remove: { layout, records, volumes, steps },
  };
  const vms = new VmService({
    ...lifecycle,
    layout,
    disks,
    now,
    links: preinstalled?.links ?? readLinkTable,
    alone: createAlone({ operations, locks, records, running }),
    log,
    set: { records, running, disks, helper, steps, kernels, capabilities, chooser, volumes, volumeRecords },
    volumes,
  });
  const guests = new GuestAccess({ layout, records, running, network, uses, keys, guestKeys, sshHosts, spans });
  const sampler = new Sampler({ processes, tap: (vmId) => layout.tap(vmId), running });
  const stats = new VmStatsService({ records, running, sampler });
  const runs = new VmRuns({ ...lifecycle, guests, uses, log, closing });
  const expiries = new Expiries({
    records,
    running,
    helper,
    locks,
    operations,
    stop,
    times,
    uses,
    isConnectedTo,
    uptimeMs,
    log,
    closing,
  });
  const halves = { layout, database, run, log };
  const reconciler = new Reconciler({ ...supervision, helper, spans, halves, volumes });
  return {
    vms,
    waits,
    guests,
    stats,
    runs,
    expiries,
    reconciler,
    halves,
    capabilities,
    /** Why the SSH key isn't in the owner's home. */
    awayFromHome: keys.awayFromHome,
    /** Starts those that are to start with the daemon. */
    autostart: () => autostart({ records, locks, operations, run: starting, bootId, log, closing }),
  };
}
