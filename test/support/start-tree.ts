import type { DiskKind } from "../../src/rpc/contract/disk-kind.ts";
import type { Accelerator } from "../../src/daemon/vmm/driver.ts";
import type { VmmKind } from "../../src/rpc/contract/vmm-kind.ts";
import type { Shape } from "./trace-tree.ts";

/** What makes bridge and rules where nothing of them has been made yet. */
export const networkSteps: readonly Shape[] = [
  [
    "bangerd step bridge",
    [
      "bangerd call bridge.ensure",
      [
        "bangerd-root bridge.ensure",
        ["bangerd-root bridge find"],
        ["bangerd-root collisions find"],
        ["bangerd-root bridge make"],
        ["bangerd-root routes find"],
      ],
    ],
  ],
  [
    "bangerd step nat",
    [
      "bangerd call nat.ensure",
      [
        "bangerd-root nat.ensure",
        ["bangerd-root rules find"],
        ["bangerd-root rules put"],
        ["bangerd-root forwarding on"],
        ["bangerd-root drops find"],
      ],
    ],
  ],
];

/** What they do where both are there already. */
const networkStands: readonly Shape[] = [
  [
    "bangerd step bridge",
    [
      "bangerd call bridge.ensure",
      ["bangerd-root bridge.ensure", ["bangerd-root bridge find"], ["bangerd-root route find"]],
    ],
  ],
  [
    "bangerd step nat",
    ["bangerd call nat.ensure", ["bangerd-root nat.ensure", ["bangerd-root rules find"], ["bangerd-root drops find"]]],
  ],
];

/** What one VMM's start is, where it isn't any VMM's: in the helper, and what the daemon asks of it. */
interface VmmSpans {
  readonly launched: readonly Shape[];
  readonly configured: readonly Shape[];
  readonly connected: readonly Shape[];
  readonly booted: readonly Shape[];
}

const vmms: Readonly<Record<VmmKind, VmmSpans>> = {
  qemu: {
    launched: [["bangerd-root qemu starting"]],
    configured: [],
    connected: [],
    booted: [],
  },
  firecracker: {
    launched: [["bangerd-root firecracker starting"]],
    configured: [
      ["bangerd GET /version"],
      ["bangerd PUT /metrics"],
      ["bangerd PUT /machine-config"],
      ["bangerd PUT /drives/{drive_id}"],
      ["bangerd PUT /network-interfaces/{iface_id}"],
      ["bangerd PUT /vsock"],
      ["bangerd PUT /entropy"],
      ["bangerd PUT /balloon"],
      ["bangerd PUT /boot-source"],
    ],
    connected: [["bangerd GET /"], ["bangerd GET /vm/config"]],
    booted: [["bangerd PUT /actions"]],
  },
};

/** How guest instructions are run. */
type Accel = Accelerator["kind"];

/** For an emulated guest the helper measures first, once, how fast the time-stamp counter counts. */
const measured: Readonly<Record<Accel, readonly Shape[]>> = { kvm: [], tcg: [["bangerd-root exec setpriv"]] };
const under = (accel: Accel, vmm: VmmSpans): VmmSpans => ({ ...vmm, launched: [...measured[accel], ...vmm.launched] });

const snapshotMade: Shape = ["bangerd call disk.attach", ["bangerd-root disk.attach", ["bangerd-root disk attach"]]];

/** What differs from start to start. */
interface Differences {
  readonly network: readonly Shape[];
  /** What the helper does for the names of guests. */
  readonly resolver: readonly Shape[];
  readonly disk: readonly Shape[];
  readonly vmm: VmmSpans;
}

const startTree = ({ network, resolver, disk, vmm }: Differences): Shape => [
  "banger banger vm start",
  [
    "banger call vm.start",
    [
      "bangerd vm.start",
      ["bangerd step preflight", ["bangerd call host.look", ["bangerd-root host.look"]]],
      ...network,
      ["bangerd step initrd"],
      ["bangerd step disk", ...disk],
      [
        "bangerd step tap",
        [
          "bangerd call tap.create",
          [
            "bangerd-root tap.create",
            ["bangerd-root link find"],
            ["bangerd-root link find"],
            ["bangerd-root tap make"],
          ],
        ],
      ],
      ["bangerd step prepare_nat"],
      ["bangerd step prepare_dns", ["bangerd call resolver.set", ["bangerd-root resolver.set", ...resolver]]],
      ["bangerd step prepare_volumes"],
      ["bangerd step vmm", ["bangerd call vmm.start", ["bangerd-root vmm.start", ...vmm.launched]], ...vmm.configured],
      ["bangerd step connect", ...vmm.connected],
      ["bangerd step boot", ...vmm.booted],
      [
        "bangerd step ready",
        ["guest boot.kernel"],
        ["guest boot.init"],
        ["guest boot.root_mount"],
        ["guest boot.identity"],
        ["guest boot.ready"],
      ],
      ["bangerd step record"],
    ],
  ],
];

const noNamesOnHost: readonly Shape[] = [["bangerd-root names link remove"]];

/** The trace of a VM's start on a host on which nothing of banger's has been made yet. */
export const firstStart = (accel: Accel): Shape =>
  startTree({ network: networkSteps, resolver: noNamesOnHost, disk: [], vmm: under(accel, vmms.qemu) });

/** The trace of a helper's first start of a VM where the network is there, by what runs it and what its disk is. */
export const startOf = (vmm: VmmKind, accel: Accel, disk: DiskKind): Shape =>
  startTree({
    network: networkStands,
    resolver: noNamesOnHost,
    disk: disk === "dm-snapshot" ? [snapshotMade] : [],
    vmm: under(accel, vmms[vmm]),
  });

const told: Shape = ["bangerd-root exec busctl"];

/** The first start where systemd runs banger, and so its VMs too, and is the host's resolver. */
export const firstStartInstalled = (vmm: VmmKind, accel: Accel, disk: DiskKind): Shape =>
  startTree({
    network: networkSteps,
    resolver: [["bangerd-root names link make"], told, told, told, told, told],
    disk: disk === "dm-snapshot" ? [snapshotMade] : [],
    vmm: under(accel, { ...vmms[vmm], launched: [["bangerd-root unit starting", told], ...vmms[vmm].launched] }),
  });
