import { parseIpv4, parseSubnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import type { Link } from "../netlink/links.ts";
import { leaseUid, returnUid } from "../process/uid-lease.ts";
import { undoneFor } from "../undo.ts";
import { vmmProcess } from "../vmm/vmm-process.ts";
import { ipv4Bytes } from "./address.ts";
import { inKernel } from "./in-kernel.ts";
import { findLink, mustBeOurs } from "./link.ts";
import { pinKey } from "./nat.ts";
import { guests, isolated } from "./policy.ts";
import { putOnBridge } from "./port.ts";
import { makeTap } from "./tun.ts";

type TapRequest = ParamsOf<typeof helperContract.tapCreate>;

/** Makes a VM's tap: owned by the VM's uid, isolated from other guests, pinned to its MAC and address. */
export async function createTap(deps: HelperDeps, request: TapRequest): Promise<{ tap: string; uid: number }> {
  const { facts, layout } = deps;
  const { vm_id: vmId, generation, address, mac } = request;
  mustBeGuests(deps, request);
  mustNotBeNewer(facts.vm(vmId), generation);
  mustNotBeUsed(deps, facts.vm(vmId));
  const tap = layout.tap(vmId);
  const bridge = await mustHaveBridge(deps);
  const there = await findLink(deps, tap);
  if (there !== undefined || facts.vm(vmId)?.tap !== undefined) await removeTap(deps, { vm_id: vmId });
  const { uid } = leaseUid(deps, vmId);
  try {
    const made = { address, mac, ...(generation === undefined ? {} : { generation }) };
    facts.putVm({ ...(facts.vm(vmId) ?? { vm_id: vmId, uid }), tap: made });
    await makeLink(deps, request, bridge, uid);
  } catch (error) {
    return undoneFor(error, () => removeTap(deps, { vm_id: vmId }));
  }
  return { tap, uid };
}

function mustBeGuests({ facts, installation }: HelperDeps, { vm_id: vmId, address, mac }: TapRequest): void {
  const { first, last } = parseSubnet(installation.subnet);
  const number = parseIpv4(address) ?? 0;
  if (number <= first || number > last) {
    throw new BangerError("bad_params", `address: ${address} is not a guest's address in ${installation.subnet}`);
  }
  const holder = facts.vms().find((vm) => vm.vm_id !== vmId && (vm.tap?.address === address || vm.tap?.mac === mac));
  if (holder !== undefined) throw new BangerError("already_exists", `address ${address} belongs to VM ${holder.vm_id}`);
}

/** An old attempt leaves what a newer one made alone; a daemon of protocol 1 names no generation. */
function mustNotBeNewer(known: VmFacts | undefined, generation: number | undefined): void {
  const made = known?.tap?.generation;
  if (made === undefined || generation === undefined || made <= generation) return;
  throw new BangerError(
    "wrong_state",
    `the tap of VM ${known?.vm_id} is of generation ${made}, newer than ${generation}`,
  );
}

/** A tap on which a VMM runs is not exchanged for another. */
function mustNotBeUsed(deps: HelperDeps, known: VmFacts | undefined): void {
  const running = known === undefined ? undefined : vmmProcess(deps, known);
  if (running === undefined) return;
  throw new BangerError("already_exists", `VM ${known?.vm_id} has a VMM (pid ${running.pid}) on its tap already`);
}

function makeLink(deps: HelperDeps, { vm_id, address, mac }: TapRequest, bridge: Link, uid: number): Promise<void> {
  const { layout, libc, links, nft, spans } = deps;
  const name = layout.tap(vm_id);
  return inKernel(spans, "tap make", { link: name }, () => {
    makeTap(libc, name, uid);
    const tap = links.find(name);
    if (tap === undefined) throw new BangerError("command_failed", `tap ${name} is gone as soon as it is made`);
    links.setAlias(tap, layout.alias(vm_id));
    putOnBridge(deps, { address, mac }, tap, bridge);
    nft.addElement(layout.table, guests, pinKey({ mac, address }));
    links.setUp(tap);
  });
}

/** Makes sure that a VM's tap of that generation or an older one, and its pins, are gone. */
export async function removeTap(
  deps: HelperDeps,
  { vm_id: vmId, generation }: ParamsOf<typeof helperContract.tapRemove>,
): Promise<{ removed: boolean }> {
  const { facts, layout, links, nft, spans } = deps;
  const known = facts.vm(vmId);
  mustNotBeNewer(known, generation);
  const name = layout.tap(vmId);
  const removed = await inKernel(spans, "tap remove", { link: name }, () => {
    const found = links.find(name);
    if (found !== undefined) {
      mustBeOurs(found, layout.alias(vmId), known?.tap !== undefined);
      links.remove(found);
    }
    const bridge = links.find(layout.bridge);
    if (known?.tap !== undefined) {
      for (const set of [guests, isolated]) nft.removeElement(layout.table, set, pinKey(known.tap));
      if (bridge !== undefined) links.unpinNeighbour(bridge, ipv4Bytes(known.tap.address));
    }
    return found !== undefined;
  });
  if (known?.tap !== undefined) {
    // Its VMM may have been started or stopped meanwhile.
    const { tap: _, ...rest } = facts.vm(vmId) ?? known;
    facts.putVm(rest);
  }
  returnUid(deps, vmId);
  return { removed };
}

/** Lets a VM's guest reach what is beyond the bridge, or no more; so from the next packet on, and until its tap is removed. */
export async function isolateTap(
  deps: HelperDeps,
  { vm_id: vmId, generation, isolated: isIsolated }: ParamsOf<typeof helperContract.tapIsolate>,
): Promise<{ isolated: boolean }> {
  const { facts, layout, nft, spans } = deps;
  const known = facts.vm(vmId);
  if (known?.tap === undefined) throw new BangerError("not_found", `VM ${vmId} has no tap; make it first`);
  mustNotBeNewer(known, generation);
  const { tap } = known;
  facts.putVm({ ...known, tap: { ...tap, isolated: isIsolated } });
  await inKernel(spans, isIsolated ? "guest isolate" : "guest release", { link: layout.tap(vmId) }, () =>
    isIsolated
      ? nft.addElement(layout.table, isolated, pinKey(tap))
      : nft.removeElement(layout.table, isolated, pinKey(tap)),
  );
  return { isolated: isIsolated };
}

async function mustHaveBridge(deps: HelperDeps): Promise<Link> {
  const { facts, layout } = deps;
  const bridge = await findLink(deps, layout.bridge);
  if (bridge === undefined) throw new BangerError("not_found", `bridge ${layout.bridge} isn't there; make it first`);
  mustBeOurs(bridge, layout.alias(), facts.network.bridge === true);
  return bridge;
}
