import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { KernelError } from "../kernel/libc.ts";
import { returnUid } from "../process/uid-lease.ts";
import { onDevice } from "./on-device.ts";

/** Whoever looks at devices that come (udev) has one open no longer than this. */
const openDeadlineMs = 3_000;
const lookAgainMs = 20;

/** Makes sure that a VM's disk of that generation or an older one is no device any more; its file stays. The loop devices go with it. */
export async function detachDisk(
  deps: HelperDeps,
  { vm_id: vmId, generation }: ParamsOf<typeof helperContract.diskDetach>,
): Promise<{ removed: boolean }> {
  const { facts, layout, mapper } = deps;
  mustNotBeNewer(facts.vm(vmId), generation);
  const { name, uuid } = layout.diskDevice(vmId);
  const removed = mapper.find(uuid) !== undefined;
  const deadline = performance.now() + openDeadlineMs;
  while (removed && !(await onDevice(deps, "disk detach", vmId, () => isRemoved(deps, uuid)))) {
    if (performance.now() > deadline) {
      throw new BangerError("in_use", `device ${name} is in use`, {
        details: { hint: "Stop the VM first; `lsof /dev/mapper/*`, as root, says who else has it open." },
      });
    }
    await delay(lookAgainMs);
  }
  const known = facts.vm(vmId);
  if (known?.disk !== undefined) {
    // Its tap may have been made or removed meanwhile.
    const { disk: _, ...rest } = known;
    facts.putVm(rest);
  }
  returnUid(deps, vmId);
  return { removed };
}

/** False while somebody has it open. */
function isRemoved({ mapper }: HelperDeps, uuid: string): boolean {
  try {
    mapper.remove(uuid);
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.code === "EBUSY") return false;
    throw error;
  }
}

/** Refuses what would touch a newer start's disk. */
export function mustNotBeNewer(known: VmFacts | undefined, generation: number): void {
  if (known?.disk === undefined || known.disk.generation <= generation) return;
  throw new BangerError(
    "wrong_state",
    `the disk of VM ${known.vm_id} is of generation ${known.disk.generation}, newer than ${generation}`,
  );
}
