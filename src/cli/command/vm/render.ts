import type { Vm } from "../../../rpc/contract/vm.ts";
import { fields, table } from "../../output/table.ts";
import { age, shortId } from "../../output/units.ts";

/** VMs as a table. */
export function vmTable(vms: readonly Vm[]): string {
  return table(
    ["NAME", "ID", "STATE", "ADDRESS", "IMAGE", "CPUS", "MEMORY", "CREATED"],
    vms.map((vm) => [
      vm.name,
      shortId(vm.id),
      vm.state,
      vm.address,
      vm.image.name,
      String(vm.cpus),
      `${vm.memory_mib} MiB`,
      age(vm.created_at),
    ]),
    "no VMs; `banger vm create` makes one",
  );
}

/** One VM, a field a line. */
export function vmFields(vm: Vm): string {
  return fields([
    ["name", vm.name],
    ["id", vm.id],
    ["state", vm.state],
    ["error", vm.error === null ? null : `${vm.error.message} (${vm.error.op_id})`],
    ["address", vm.address],
    ["mac", vm.mac],
    ["image", `${vm.image.name} (${shortId(vm.image.id)})`],
    ["kernel", `${vm.kernel.name} (${shortId(vm.kernel.id)})`],
    ["cpus", vm.cpus],
    ["memory", `${vm.memory_mib} MiB`],
    ["disk", `${vm.disk_mib} MiB`],
    ["vmm", vm.accel === null ? vm.vmm : `${vm.vmm} (${vm.accel})`],
    ["pid", vm.pid],
    ["starts", vm.generation],
    ["created", vm.created_at],
    ["started", vm.started_at],
    ["last used", vm.last_used_at],
  ]);
}
