import { diskFormats, type DiskKind } from "../../rpc/contract/disk-kind.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { HelperLink } from "../helper/helper-link.ts";

/** The VM whose disk is meant. */
interface DiskOf {
  readonly id: string;
  readonly generation: number;
  readonly disk_kind: DiskKind;
  readonly image: { readonly id: string };
}

/** True for a disk that is a device while its VM runs; others are files, which are opened as they are. */
export function isDevice({ disk_kind: kind }: Pick<DiskOf, "disk_kind">): boolean {
  return diskFormats[kind] === "snapshot";
}

/** Has the helper make the device that a VM's disk is, find it as it should be, make it larger, or mend it; true when it was mended. */
export async function attachDisk(
  helper: Pick<HelperLink, "call">,
  { id, generation, image }: DiskOf,
  sizeMib: number,
  signal: AbortSignal,
): Promise<boolean> {
  const wanted = { vm_id: id, generation, image_id: image.id, disk_mib: sizeMib };
  return (await helper.call(helperContract.diskAttach, wanted, { signal })).mended;
}

/** Makes sure that no device is left of a VM's start of that generation, or of an earlier one. */
export async function detachDisk(
  helper: Pick<HelperLink, "call">,
  { id, generation }: Pick<DiskOf, "id" | "generation">,
): Promise<void> {
  try {
    await helper.call(helperContract.diskDetach, { vm_id: id, generation });
  } catch (error) {
    // A helper that is older than the daemon makes no devices.
    if (!(error instanceof BangerError) || error.code !== "unknown_method") throw error;
  }
}
