import { rmSync } from "node:fs";
import type { Layout } from "../../../installation/layout.ts";
import { helperContract } from "../../../rpc/contract/helper.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import { probeAccelerator } from "../../vmm/accelerator.ts";
import type { VmmDrivers } from "../../vmm/driver.ts";
import type { RunningVms } from "../running.ts";
import type { VmRecords } from "../vm-records.ts";
import type { Part } from "./part.ts";

/** What the VMM needs. */
export interface VmmDeps {
  readonly layout: Layout;
  readonly records: Pick<VmRecords, "update">;
  readonly running: RunningVms;
  readonly drivers: VmmDrivers;
  readonly helper: Pick<HelperLink, "call">;
}

/** The process that runs the guest, stopped before the first instruction. */
export function vmm({ layout, records, running, drivers, helper }: VmmDeps): Part {
  return {
    name: "vmm",
    acquire: async (starting, signal) => {
      const { vm } = starting;
      const { consoleLog } = layout.vm(vm.id);
      for (const log of [consoleLog, `${consoleLog}.1`]) rmSync(log, { force: true });
      const accelerator = starting.accelerator ?? (await probeAccelerator(helper));
      records.update(vm.id, { accel: accelerator.kind, accel_why: accelerator.why });
      const launched = await drivers[vm.vmm].launch(
        {
          vmId: vm.id,
          generation: vm.generation,
          kernelId: vm.kernel.id,
          imageId: vm.image.id,
          diskKind: vm.disk_kind,
          cpus: vm.cpus,
          memoryMib: vm.memory_mib,
          mac: vm.mac,
          network: vm.network !== "none",
          volumes: vm.volumes.map(({ id }) => id),
          accelerator: accelerator.kind,
        },
        signal,
      );
      starting.launchedAt = launched.startedAt;
      records.update(vm.id, { pid: launched.pid });
    },
    release: async ({ id, generation }) => {
      running.drop(id, generation);
      await helper.call(helperContract.vmmStop, { vm_id: id, generation });
    },
    found: ({ vmms, exits = [], leases = [], remains = [] }) => [
      ...vmms.map(({ vm_id, generation }) => ({ id: vm_id, generation })),
      ...exits.map(({ vm_id, generation }) => ({ id: vm_id, generation, what: "exit" })),
      ...leases.map(({ vm_id }) => ({ id: vm_id, generation: 0, what: "uid" })),
      ...remains.map(({ vm_id }) => ({ id: vm_id, generation: 0, what: "run directory" })),
    ],
  };
}
