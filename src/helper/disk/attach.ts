import { closeSync, fstatSync } from "node:fs";
import { snapshotFile } from "../../installation/snapshot-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import { openOwnersFile } from "../files/safe-open.ts";
import { leaseUid } from "../process/uid-lease.ts";
import { undoneFor } from "../undo.ts";
import { detachDisk, mustNotBeNewer } from "./detach.ts";
import { attachLoop, growLoop } from "./loop.ts";
import { onDevice } from "./on-device.ts";
import { mendHeader } from "./snapshot-header.ts";
import { type Beneath, chunkSectors, errorTable, readTable, snapshotTable } from "./snapshot-table.ts";

type Wanted = ParamsOf<typeof helperContract.diskAttach>;

const mib = 2 ** 20;
const sectorBytes = 512;

/**
 * Makes sure that a VM's root disk is there as a snapshot of its image, at least so large, and that the kernel takes writes
 * to it. A VMM may have it open: it gets a longer table, or one in the place of a snapshot that the kernel gave up.
 */
export async function attachDisk(deps: HelperDeps, wanted: Wanted): Promise<{ mended: boolean }> {
  const { facts, layout, mapper } = deps;
  const { vm_id: vmId, generation } = wanted;
  const { uuid } = layout.diskDevice(vmId);
  const known = facts.vm(vmId);
  mustNotBeNewer(known, generation);
  // An earlier start's, or one that nobody remembers.
  if (known?.disk?.generation !== generation) await detachDisk(deps, { vm_id: vmId, generation });
  const leased = leaseUid(deps, vmId);
  facts.putVm({ ...leased, disk: { generation } });
  const isNew = mapper.find(uuid) === undefined;
  try {
    return await withFiles(deps, wanted, (files) => onDevice(deps, "disk attach", vmId, () => put(deps, vmId, files)));
  } catch (error) {
    // What a VMM may use stays as it is.
    if (!isNew) throw error;
    return undoneFor(error, () => detachDisk(deps, { vm_id: vmId, generation }));
  }
}

/** The open files of a disk, and how large it is to be. */
interface Files {
  readonly image: number;
  readonly own: number;
  readonly imageBytes: number;
  readonly diskBytes: number;
}

/** Opens what the owner gave, and refuses what can't be made a disk of. */
async function withFiles<T>(
  { layout, installation, libc }: HelperDeps,
  wanted: Wanted,
  use: (files: Files) => Promise<T>,
): Promise<T> {
  const descriptors: number[] = [];
  const open = (path: string, access: "read" | "write") => {
    const fd = openOwnersFile(libc, path, installation.ownerUid, access);
    descriptors.push(fd);
    return { fd, bytes: fstatSync(fd).size };
  };
  try {
    const imagePath = layout.image(wanted.image_id);
    const ownPath = layout.vm(wanted.vm_id).rootDisk.snapshot;
    const [image, own] = [open(imagePath, "read"), open(ownPath, "write")];
    const diskBytes = wanted.disk_mib * mib;
    if (image.bytes === 0 || image.bytes % sectorBytes !== 0) {
      throw new BangerError("bad_content", `${imagePath} has ${image.bytes} bytes, which are no whole sectors`);
    }
    if (image.bytes > diskBytes) {
      throw new BangerError(
        "bad_content",
        `${imagePath} has ${image.bytes} bytes, more than a disk of ${wanted.disk_mib} MiB`,
      );
    }
    const { storeBytes, tailBytes } = snapshotFile(image.bytes, diskBytes);
    if (own.bytes < storeBytes + tailBytes) {
      throw new BangerError(
        "bad_content",
        `${ownPath} has ${own.bytes} bytes, a disk of ${wanted.disk_mib} MiB needs ${storeBytes + tailBytes}`,
      );
    }
    return await use({ image: image.fd, own: own.fd, imageBytes: image.bytes, diskBytes });
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}

/** Whatever is there of the device, afterwards it is as it should be. Killed anywhere, it leaves what the next attempt or `detachDisk` takes. */
function put(deps: HelperDeps, vmId: string, files: Files): { mended: boolean } {
  const { layout, mapper, libc } = deps;
  const { name, uuid } = layout.diskDevice(vmId);
  const there = mapper.find(uuid);
  if (there === undefined) mapper.create(name, uuid);
  const before = there?.active === true ? mapper.table(uuid) : [];
  const now = readTable(before);
  if (now !== undefined && !hasGivenUp(deps, uuid)) {
    if (files.diskBytes > now.bytes) {
      growLoop(libc, now.own, files.own);
      mapper.putTable(uuid, tableOf(files, now));
    }
    return { mended: false };
  }
  // The kernel hands what a snapshot knows, also that it was given up, on to the next one of the same table.
  if (now !== undefined) mapper.putTable(uuid, errorTable(before));
  const state = mendHeader(files.own, chunkSectors);
  if (state === "foreign") {
    throw new BangerError(
      "bad_content",
      `${layout.vm(vmId).rootDisk.snapshot} was damaged: it begins with no store of a snapshot`,
    );
  }
  const known = { ...files, diskBytes: Math.max(files.diskBytes, now?.bytes ?? 0) };
  const image = attachLoop(libc, { file: files.image, name: `${name}: image`, readOnly: true });
  try {
    const own = attachLoop(libc, { file: files.own, name, readOnly: false });
    try {
      mapper.putTable(uuid, tableOf(known, { image: image.device, own: own.device }));
    } finally {
      closeSync(own.fd);
    }
  } finally {
    closeSync(image.fd);
  }
  return { mended: state === "invalid" };
}

function tableOf({ imageBytes, diskBytes }: Files, beneath: Beneath) {
  return snapshotTable(imageBytes, snapshotFile(imageBytes, diskBytes), beneath);
}

/** True when the kernel takes no writes to a snapshot any more, as one to its store failed. */
function hasGivenUp({ mapper }: HelperDeps, uuid: string): boolean {
  return !/^\d+\/\d+ \d+$/.test(mapper.states(uuid)[0]?.text ?? "");
}
