import { parseIpv4, parseSubnet } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import { findLink, mustBeOurs } from "./link.ts";
import { pin } from "./nat.ts";
import { leaseUid, returnUid } from "../process/uid-lease.ts";

/** What a tap is made for. */
interface TapRequest {
  readonly vm_id: string;
  readonly address: string;
  readonly mac: string;
}

/** Makes a VM's tap: owned by the VM's uid, isolated from other guests, pinned to its MAC and address. */
export async function createTap(deps: HelperDeps, request: TapRequest): Promise<{ tap: string; uid: number }> {
  const { command, facts, installation, layout } = deps;
  const { vm_id: vmId, address, mac } = request;
  const { first, last } = parseSubnet(installation.subnet);
  const number = parseIpv4(address) ?? 0;
  if (number <= first || number > last) {
    throw new BangerError("bad_params", `address: ${address} is not a guest's address in ${installation.subnet}`);
  }
  const holder = facts.vms().find((vm) => vm.vm_id !== vmId && (vm.tap?.address === address || vm.tap?.mac === mac));
  if (holder !== undefined) throw new BangerError("already_exists", `address ${address} belongs to VM ${holder.vm_id}`);
  const tap = layout.tap(vmId);
  const [there] = await Promise.all([findLink(command, tap), mustHaveBridge(deps)]);
  if (there !== undefined || facts.vm(vmId)?.tap !== undefined) await removeTap(deps, vmId);
  const { uid } = leaseUid(facts, installation, vmId);
  facts.putVm({ ...(facts.vm(vmId) ?? { vm_id: vmId, uid }), tap: { address, mac } });
  try {
    await both(makeLink(deps, request, uid), pin(deps, "add", { address, mac }));
  } catch (error) {
    await removeTap(deps, vmId);
    throw error;
  }
  return { tap, uid };
}

async function makeLink(
  { command, layout }: HelperDeps,
  { vm_id, address, mac }: TapRequest,
  uid: number,
): Promise<void> {
  const tap = layout.tap(vm_id);
  const lines = [
    `tuntap add dev ${tap} mode tap user ${uid} vnet_hdr`,
    `link set dev ${tap} alias ${layout.alias(vm_id)}`,
    `link set dev ${tap} master ${layout.bridge}`,
    `link set dev ${tap} type bridge_slave isolated on learning off locked on flood off mcast_flood off`,
    `link set dev ${tap} up`,
    `neighbour replace ${address} lladdr ${mac} dev ${layout.bridge} nud permanent`,
  ];
  await command("ip", ["-batch", "-"], `${lines.join("\n")}\n`);
  await command("bridge", ["fdb", "add", mac, "dev", tap, "master", "static"]);
}

/** Waits for both, also when one fails: nothing is still being made when what was made is undone. */
async function both(one: Promise<void>, other: Promise<void>): Promise<void> {
  for (const outcome of await Promise.allSettled([one, other])) if (outcome.status === "rejected") throw outcome.reason;
}

/** Makes sure that a VM's tap and its pins are gone. */
export async function removeTap(deps: HelperDeps, vmId: string): Promise<{ removed: boolean }> {
  const { command, facts, layout } = deps;
  const known = facts.vm(vmId);
  const found = await findLink(command, layout.tap(vmId));
  if (found !== undefined) {
    mustBeOurs(found, layout.alias(vmId), known?.tap !== undefined);
    await command("ip", ["link", "delete", "dev", layout.tap(vmId)]);
  }
  if (known?.tap !== undefined) {
    await pin(deps, "delete", known.tap);
    if ((await findLink(command, layout.bridge)) !== undefined) {
      await command("ip", ["neighbour", "flush", "to", known.tap.address, "dev", layout.bridge, "nud", "permanent"]);
    }
    // Its VMM may have been started or stopped meanwhile.
    const { tap: _, ...rest } = facts.vm(vmId) ?? known;
    facts.putVm(rest);
  }
  returnUid(facts, vmId);
  return { removed: found !== undefined };
}

async function mustHaveBridge({ command, facts, layout }: HelperDeps): Promise<void> {
  const bridge = await findLink(command, layout.bridge);
  if (bridge === undefined) throw new BangerError("not_found", `bridge ${layout.bridge} isn't there; make it first`);
  mustBeOurs(bridge, layout.alias(), facts.network.bridge === true);
}
