import type { Layout } from "../../../installation/layout.ts";
import type { RootDiskKind } from "../../disk/root-disk.ts";
import type { Part } from "./part.ts";

/** What the root disk needs. */
export interface RootDiskDeps {
  readonly layout: Layout;
  readonly disk: RootDiskKind;
}

/** The root disk, as the VMM is to get it. */
export function rootDisk({ layout, disk }: RootDiskDeps): Part {
  return {
    name: "disk",
    acquire: ({ vm }, signal) => disk.attach({ disk: layout.vm(vm.id).rootDisk, sizeMib: vm.disk_mib, signal }),
    release: ({ id }) => disk.detach({ disk: layout.vm(id).rootDisk }),
  };
}
