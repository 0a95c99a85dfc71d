import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { VmmSpec } from "./driver.ts";

/** What the helper is asked to start, as it names it. */
export function startRequest(spec: VmmSpec): ParamsOf<typeof helperContract.vmmStart> {
  return {
    vm_id: spec.vmId,
    generation: spec.generation,
    kernel_id: spec.kernelId,
    image_id: spec.imageId,
    disk_kind: spec.diskKind,
    cpus: spec.cpus,
    memory_mib: spec.memoryMib,
    mac: spec.mac,
    accel: spec.accelerator,
    ...(spec.network ? {} : { network: false }),
    ...(spec.volumes.length === 0 ? {} : { volumes: [...spec.volumes] }),
  };
}
