import { readFileSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Kernel } from "../../rpc/contract/kernel.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";
import type { KernelService } from "../kernel/kernel-service.ts";
import { asItRuns } from "./as-it-runs.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";

/** What the host has, in MiB. */
export interface HostMemory {
  /** What can be given out without swapping (proc(5), MemAvailable). */
  available(): number;
  /** What a process has in memory; 0 when that can't be seen. */
  residentOf(pid: number): number;
}

/** Lets a VM start, or says why the host can't hold it. */
export interface Admission {
  admit(vm: Pick<Vm, "id" | "name" | "memory_mib" | "kernel" | "vmm">, overcommit: boolean): void;
}

/** What admission needs. */
export interface AdmissionDeps {
  readonly records: Pick<VmRecords, "active">;
  readonly memory: HostMemory;
  readonly kernels: Pick<KernelService, "find">;
}

/** What a VMM takes beside its guest's memory, in MiB: QEMU idles at some 50, software emulation's translations come on top; Firecracker takes some 5. */
const vmmMib = { qemu: 96, firecracker: 16 } as const satisfies Record<VmmKind, number>;

/** A VM is admitted when the host has its memory beside what running VMs may still take of theirs. */
export function createAdmission({ records, memory, kernels }: AdmissionDeps): Admission {
  return {
    admit: (vm, overcommit) => {
      mustBootWith(vm.memory_mib, kernels.find(vm.kernel.id));
      if (overcommit) return;
      const others = records.active().filter(({ id }) => id !== vm.id);
      const promised = others.map(asItRuns).reduce((sum, other) => sum + outstanding(other, memory), 0);
      const available = memory.available();
      const needed = vm.memory_mib + vmmMib[vm.vmm];
      if (needed <= available - promised) return;
      throw new BangerError(
        "no_memory",
        `vm ${vm.name} takes ${shown(needed)}; the host has ${shown(available)} to give, of which ${others.length} other ${others.length === 1 ? "VM" : "VMs"} may still take ${shown(promised)}`,
        { details: { needed_mib: needed, available_mib: available, promised_mib: promised } },
      );
    },
  };
}

/** Refuses less memory than a guest with this kernel boots with. */
export function mustBootWith(memoryMib: number, { name, least_memory_mib: least }: Kernel): void {
  if (typeof least !== "number" || memoryMib >= least) return;
  throw new BangerError(
    "bad_params",
    `memory_mib: ${memoryMib} MiB are too few: a guest with kernel ${name} needs ${least} MiB to boot`,
    {
      details: {
        field: "memory_mib",
        least,
        hint: `\`--memory ${least}M\` is enough.`,
      },
    },
  );
}

/** A size for people: from 10 GiB on nobody counts MiB. */
function shown(mib: number): string {
  return mib < 10_240 ? `${mib} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

function outstanding({ memory_mib: mib, vmm, pid }: StoredVm, memory: HostMemory): number {
  return Math.max(0, mib + vmmMib[vmm] - (pid === null ? 0 : memory.residentOf(pid)));
}

const pageMib = 4096 / 1024 / 1024;

/** The host's memory, as /proc says. */
export const procMemory: HostMemory = {
  available: () =>
    Math.floor(Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) / 1024),
  residentOf: (pid) => {
    try {
      return Math.floor(Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * pageMib);
    } catch {
      return 0;
    }
  },
};
