import { existsSync, rmSync, statSync } from "node:fs";
import type { Layout } from "../../installation/layout.ts";
import { diskFormats, type DiskKind } from "../../rpc/contract/disk-kind.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { Run } from "../process/run.ts";
import { qcow2 } from "./qcow2.ts";
import { snapshot } from "./snapshot.ts";
import { copy, reflink } from "./raw.ts";
import { isRefused, type RootDiskKind } from "./root-disk.ts";
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
  readonly image: { readonly id: string };
}

/** What root disks need. */
export interface RootDisksDeps {
  readonly layout: Layout;
  readonly run: Run;
  readonly helper: Pick<HelperLink, "call">;
}

/** The root disks of VMs, each of its kind. */
export interface RootDisks {
  /** Makes a VM's disk in the way that is asked for; `auto` tries what this host can do, in the order of `among`. */
  create(wanted: {
    readonly id: string;
    readonly image: string;
    readonly kind: DiskKind | "auto";
    /** What its VMM reads; by default what any does, and then QEMU. */
    readonly among?: readonly DiskKind[];
    readonly sizeMib: number;
    readonly signal: AbortSignal;
  }): Promise<ChosenDisk>;
  /** Makes sure that the guest sees `sizeMib` at least. No VMM has the disk open. */
  atLeast(vm: DiskOf, sizeMib: number, signal: AbortSignal): Promise<void>;
  /** Refuses a VM whose disk's file somebody removed. */
  mustBeThere(vm: DiskOf): void;
  /** What the disk takes on the host; undefined where its file is gone. */
  space(vm: DiskOf): Promise<Space | undefined>;
  /** Removes a VM's disk, of whatever kind, there or not. */
  remove(vmId: string): Promise<void>;
}

const mib = 1024 * 1024;

/** Makes the table of kinds, and what chooses among them. */
export function createRootDisks({ layout, run, helper }: RootDisksDeps): RootDisks {
  const kinds: Readonly<Record<DiskKind, RootDiskKind>> = {
    reflink: reflink(),
    qcow2: qcow2({ run }),
    "dm-snapshot": snapshot({ helper }),
    copy: copy({ run }),
  };
  const fileOf = ({ id, disk_kind }: Pick<DiskOf, "id" | "disk_kind">) =>
    layout.vm(id).rootDisk[diskFormats[disk_kind]];
  const remove = async (vmId: string) => {
    for (const file of Object.values(layout.vm(vmId).rootDisk)) rmSync(file, { force: true });
  };
  return {
    create: async ({ id, image, kind, among = ["reflink", "qcow2"], sizeMib, signal }) => {
      mustHold(image, sizeMib);
      const make = (one: DiskKind) =>
        kinds[one].create({ image, disk: fileOf({ id, disk_kind: one }), sizeMib, signal });
      if (kind !== "auto") {
        await make(kind);
        return { kind, why: "it was asked for" };
      }
      // Tried on the image itself: a file system's name tells little, and the image may lie on another one.
      const refusals: string[] = [];
      for (const one of among) {
        try {
          await make(one);
          return { kind: one, why: one === "reflink" ? sharesBlocks : refusals.join("; ") };
        } catch (error) {
          if (!isRefused(error, one)) throw error;
          refusals.push(`no ${one}: ${error.plain.replace(/^disk_kind: (no dm-snapshot on this host: )?/, "")}`);
          await remove(id);
        }
      }
      throw noneOf(among, refusals);
    },
    atLeast: async (vm, sizeMib, signal) => {
      const file = { disk: fileOf(vm), image: layout.image(vm.image.id) };
      const kind = kinds[vm.disk_kind];
      if (kind.size(file) < sizeMib * mib) await kind.grow({ ...file, sizeMib, signal });
    },
    mustBeThere: (vm) => mustExist(fileOf(vm)),
    space: async (vm) => (existsSync(fileOf(vm)) ? spaceOf(fileOf(vm)) : undefined),
    remove,
  };
}

const sharesBlocks = "the file system of state_dir shares blocks between files";

/** Every kind was refused that its VMM reads. */
function noneOf(among: readonly DiskKind[], refusals: readonly string[]): BangerError {
  const reason = `this host makes no root disk of kind ${among.join(" or ")}: ${refusals.join("; ")}`;
  const hint = "`--disk-kind copy` makes one with blocks of its own; with `--vmm qemu` there is qcow2 too.";
  return new BangerError("host_failed", `disk_kind: ${reason}`, { details: { field: "disk_kind", hint } });
}

function mustExist(disk: string): void {
  if (existsSync(disk)) return;
  const details = { hint: "Put it back, or delete the VM and make it again." };
  throw new BangerError("not_found", `the file of the root disk is gone: ${disk}`, { details });
}

/** A disk that is smaller than its image would end within a file. */
function mustHold(image: string, sizeMib: number): void {
  const least = Math.ceil(statSync(image).size / mib);
  if (sizeMib >= least) return;
  throw new BangerError("bad_params", `disk_mib: the image needs ${least} MiB, ${sizeMib} are too few`, {
    details: { field: "disk_mib", least },
  });
}
