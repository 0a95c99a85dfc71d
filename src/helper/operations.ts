import type { helperContract } from "../rpc/contract/helper.ts";
import type { Handlers } from "../rpc/dispatch.ts";
import { version } from "../version.ts";
import { ensureBridge, removeBridge } from "./network/bridge.ts";
import type { HelperDeps } from "./deps.ts";
import { attachDisk } from "./disk/attach.ts";
import { detachDisk } from "./disk/detach.ts";
import { probeDisks } from "./disk/probe.ts";
import type { KvmAnswer } from "./kvm/kvm.ts";
import { Mutex } from "./mutex.ts";
import { lookAtNetwork } from "./network/look.ts";
import { ensureNat, removeNat } from "./network/nat.ts";
import { clearResolver, setResolver } from "./network/resolver.ts";
import { createTap, isolateTap, removeTap } from "./network/tap.ts";
import { lookAtVmmNeeds } from "./vmm/needs.ts";
import { probeVmms } from "./vmm/probe.ts";
import { raiseLimits } from "./vmm/raise-limits.ts";
import { startVmm } from "./vmm/start.ts";
import { listVmms, vmmStatus } from "./vmm/status.ts";
import { stopVmm } from "./vmm/stop.ts";

/** What this helper speaks; it understands a daemon of protocol 1 too. */
const protocol = 2;

/** The whole privileged surface. No operation heeds its caller's going away: once begun, it completes or undoes itself. */
export function operations(deps: HelperDeps): Handlers<typeof helperContract> {
  const one = new Mutex();
  const network = <T>(work: () => Promise<T>) => one.run("network", work);
  const vmm = <T>(vmId: string, work: () => Promise<T>) => one.run(vmId, work);
  return {
    ping: async () => ({ version, pid: process.pid, protocol }),
    kvmProbe: async () => kvmAnswer(await deps.kvm.probe()),
    vmmProbe: () => probeVmms(deps),
    hostLook: async ({ network: all, drops, dns_port }) => ({
      ...lookAtVmmNeeds(deps),
      ...(all ? { network: await network(() => lookAtNetwork(deps, { dnsPort: dns_port, drops })) } : {}),
    }),
    bridgeEnsure: (params) => network(() => ensureBridge(deps, params)),
    bridgeRemove: () => network(() => removeBridge(deps)),
    natEnsure: ({ dns_port }) => network(() => ensureNat(deps, dns_port)),
    natRemove: () => network(() => removeNat(deps)),
    resolverSet: ({ dns_port }) => network(() => setResolver(deps, dns_port)),
    resolverClear: () => network(() => clearResolver(deps)),
    tapCreate: (params) => network(() => createTap(deps, params)),
    tapRemove: (params) => network(() => removeTap(deps, params)),
    tapIsolate: (params) => network(() => isolateTap(deps, params)),
    diskProbe: async () => probeDisks(deps),
    diskAttach: (params) => vmm(params.vm_id, () => attachDisk(deps, params)),
    diskDetach: (params) => vmm(params.vm_id, () => detachDisk(deps, params)),
    vmmStart: (params) => vmm(params.vm_id, () => startVmm(deps, params)),
    vmmStop: ({ vm_id, generation }) => vmm(vm_id, () => stopVmm(deps, vm_id, generation)),
    vmmLimits: (params) => vmm(params.vm_id, async () => raiseLimits(deps, params)),
    vmmStatus: async ({ vm_id }) => vmmStatus(deps, vm_id),
    vmmList: () => listVmms(deps),
  };
}

function kvmAnswer({ usable, why }: KvmAnswer) {
  return { usable, why };
}
