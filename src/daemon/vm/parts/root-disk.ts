import type { RootDisks } from "../../disk/root-disks.ts";
import type { Part } from "./part.ts";

/** What the root disk needs. */
export interface RootDiskDeps {
  readonly disks: Pick<RootDisks, "atLeast">;
}

/** The root disk, as large as the record says; the helper opens it by itself. */
export function rootDisk({ disks }: RootDiskDeps): Part {
  return {
    name: "disk",
    acquire: ({ vm }, signal) => disks.atLeast(vm, vm.disk_mib, signal),
    release: { none: "a file, which stays" },
  };
}
