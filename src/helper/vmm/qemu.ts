import type { HelperDeps } from "../deps.ts";
import { kvmDevice } from "../kvm/kvm.ts";
import { tunDevice } from "../network/tun.ts";
import { asUid } from "../process/identity.ts";
import { cageOf } from "./cage.ts";
import { kvmGroups } from "./kvm-groups.ts";
import { formatOf } from "./open-files.ts";
import { qemuArgv } from "./qemu-argv.ts";
import { inheritedFiles, inheritedOrder } from "./vmm-files.ts";
import type { KindOfVmm, StartParams } from "./vmm-kind.ts";

/** What QEMU gets of its host. */
interface HostGives {
  /** Beside its uid's own. */
  readonly groups: readonly number[];
  /** How fast the time-stamp counter counts that its guest reads; undefined where that isn't known, or the guest is told otherwise. */
  readonly tscKhz: number | undefined;
}

/** QEMU, which is given its files open, and stands before its guest's first instruction when it answers on QMP. */
export const qemu: KindOfVmm = {
  title: "QEMU",
  span: "qemu starting",
  executable: "qemu-system-x86_64",
  // A thread of its own greets while the machine is still being made; a command is carried out when that is done.
  greeting: { say: '{"execute":"qmp_capabilities"}', answer: '"return"' },
  // It ends where it can't have its filter of system calls.
  mustBeConfined: () => undefined,
  remembered: ({ volumes = [] }) => ({ volumes }),
  plan: async (deps, { vm_id: vmId, uid }, params) => {
    const { layout } = deps;
    const { volumes = [], network = true } = params;
    const { groups, tscKhz } = await asHostAllows(deps, params);
    const { qmp, agent } = layout.sockets(vmId);
    return {
      given: inheritedOrder,
      opensDisks: false,
      devices: [...(network ? [tunDevice] : []), ...(params.accel === "kvm" ? [kvmDevice] : [])],
      makesNodes: false,
      argv: (limits) => [
        ...cageOf(deps, vmId, limits),
        ...asUid(uid, groups),
        ...qemuArgv({
          name: layout.alias(vmId),
          cpus: params.cpus,
          memoryMib: params.memory_mib,
          accel: params.accel,
          tscKhz,
          tap: network ? layout.tap(vmId) : undefined,
          mac: params.mac,
          files: inheritedFiles(volumes.length),
          diskFormat: formatOf(params),
          volumes,
          sockets: { qmp, agent },
        }),
      ],
      socket: qmp,
      places: { sockets: { qmp, agent } },
    };
  },
};

/** What a VMM gets of this host: the group that opens /dev/kvm, where there is one; without KVM, the rate of the counter that its guest reads. */
async function asHostAllows(deps: HelperDeps, { accel }: StartParams): Promise<HostGives> {
  if (accel === "tcg") return { groups: [], tscKhz: await deps.tsc.khz() };
  return { groups: await kvmGroups(deps), tscKhz: undefined };
}
