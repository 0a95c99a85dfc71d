import { diskFormats } from "../../../rpc/contract/disk-kind.ts";
import { BangerError } from "../../../rpc/contract/errors.ts";
import type { Layout } from "../../../installation/layout.ts";
import { attribute } from "../../../telemetry/names.ts";
import { attachDisk, detachDisk, isDevice } from "../../disk/attach.ts";
import type { Room, RoomOf } from "../../disk/room.ts";
import type { RootDisks } from "../../disk/root-disks.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { VmRecords } from "../vm-records.ts";
import type { Part } from "./part.ts";

/** What the root disk needs. */
export interface RootDiskDeps {
  readonly layout: Pick<Layout, "vm">;
  readonly records: Pick<VmRecords, "get">;
  readonly disks: Pick<RootDisks, "atLeast">;
  readonly helper: Pick<HelperLink, "call">;
  readonly roomOf: RoomOf;
}

/** The root disk, as large as the record says: a file, which the helper opens by itself and which stays, or a device of one. */
export function rootDisk({ layout, records, disks, helper, roomOf }: RootDiskDeps): Part {
  return {
    name: "disk",
    on: (vmId) => {
      const vm = records.get(vmId);
      return vm === undefined ? {} : { [attribute.file]: layout.vm(vmId).rootDisk[diskFormats[vm.disk_kind]] };
    },
    acquire: async ({ vm }, signal) => {
      await disks.atLeast(vm, vm.disk_mib, signal);
      if (!isDevice(vm)) return;
      mustHaveRoom(roomOf(layout.vm(vm.id).directory));
      await attachDisk(helper, vm, vm.disk_mib, signal);
    },
    release: async (made) => {
      const vm = records.get(made.id);
      if (vm === undefined || isDevice(vm)) await detachDisk(helper, made);
    },
    found: ({ disks: devices = [] }) =>
      devices.map(({ vm_id, generation }) => ({ id: vm_id, generation: generation ?? 0 })),
  };
}

/** Its guest would stand still at once. */
function mustHaveRoom({ free, low }: Room): void {
  if (free >= low) return;
  const mib = (bytes: number) => Math.floor(bytes / 2 ** 20);
  throw new BangerError(
    "no_space",
    `the file system of state_dir has ${mib(free)} MiB left; a disk of kind dm-snapshot needs ${mib(low)} to be safe`,
  );
}
