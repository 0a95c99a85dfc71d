import { rmSync, statSync } from "node:fs";
import type { Layout } from "../../installation/layout.ts";
import { diskFormats, type DiskKind } from "../../rpc/contract/disk-kind.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { qcow2 } from "./qcow2.ts";
import { copy, isNoReflink, reflink } from "./raw.ts";
import type { RootDiskKind } from "./root-disk.ts";
import { type Space, spaceOf } from "./space.ts";

/** Which kind a disk is, and why that one. */
export interface ChosenDisk {
  readonly kind: DiskKind;
  readonly why: string;
}

/** The VM whose disk is meant. */
interface DiskOf {
  readonly id: string;
  readonly disk_kind: DiskKind;
}

/** The root disks of VMs, each of its kind. */
export interface RootDisks {
  /** Makes a VM's disk in the way that is asked for; `auto` tries what this host can do. */
  create(wanted: {
    readonly id: string;
    readonly image: string;
    readonly kind: DiskKind | "auto";
    readonly sizeMib: number;
    readonly signal: AbortSignal;
  }): Promise<ChosenDisk>;
  /** Makes sure that the guest sees `sizeMib` at least. No VMM has the disk open. */
  atLeast(vm: DiskOf, sizeMib: number, signal: AbortSignal): Promise<void>;
  /** What the disk takes on the host. */
  space(vm: DiskOf): Promise<Space>;
  /** Removes a VM's disk, of whatever kind, there or not. */
  remove(vmId: string): Promise<void>;
}

const mib = 1024 * 1024;

/** Makes the table of kinds, and what chooses among them. */
export function createRootDisks({ layout, run }: { readonly layout: Layout; readonly run: Run }): RootDisks {
  const kinds: Readonly<Record<DiskKind, RootDiskKind>> = {
    reflink: reflink(),
    qcow2: qcow2({ run }),
    copy: copy({ run }),
  };
  const fileOf = ({ id, disk_kind }: DiskOf) => layout.vm(id).rootDisk[diskFormats[disk_kind]];
  const remove = async (vmId: string) => {
    for (const file of Object.values(layout.vm(vmId).rootDisk)) rmSync(file, { force: true });
  };
  return {
    create: async ({ id, image, kind, sizeMib, signal }) => {
      mustHold(image, sizeMib);
      const make = (one: DiskKind) =>
        kinds[one].create({ image, disk: fileOf({ id, disk_kind: one }), sizeMib, signal });
      if (kind !== "auto") {
        await make(kind);
        return { kind, why: "it was asked for" };
      }
      // Tried on the image itself: a file system's name tells little, and the image may lie on another one.
      try {
        await make("reflink");
        return { kind: "reflink", why: "the file system of state_dir shares blocks between files" };
      } catch (error) {
        if (!isNoReflink(error)) throw error;
        await remove(id);
        await make("qcow2");
        return { kind: "qcow2", why: `no reflink: ${error.plain.replace(/^disk_kind: /, "")}` };
      }
    },
    atLeast: async (vm, sizeMib, signal) => {
      const disk = fileOf(vm);
      const kind = kinds[vm.disk_kind];
      if (kind.size({ disk }) < sizeMib * mib) await kind.grow({ disk, sizeMib, signal });
    },
    space: (vm) => spaceOf(fileOf(vm)),
    remove,
  };
}

/** A disk that is smaller than its image would end within a file. */
function mustHold(image: string, sizeMib: number): void {
  const least = Math.ceil(statSync(image).size / mib);
  if (sizeMib >= least) return;
  throw new BangerError("bad_params", `disk_mib: the image needs ${least} MiB, ${sizeMib} are too few`, {
    details: { field: "disk_mib", least },
  });
}
