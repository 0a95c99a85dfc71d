import { closeSync, openSync, statSync } from "node:fs";
import { truncate } from "node:fs/promises";
import { snapshotFile } from "../../installation/snapshot-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import { refusal, type RootDiskKind } from "./root-disk.ts";

const mib = 1024 * 1024;

/** A file in which the kernel keeps what differs from the image, all of it a hole at first. The helper makes a device of both while the VM runs. */
export function snapshot({ helper }: { readonly helper: Pick<HelperLink, "call"> }): RootDiskKind {
  const grow = async ({ image, disk, sizeMib }: { image: string; disk: string; sizeMib: number }) => {
    const { storeBytes, tailBytes } = snapshotFile(statSync(image).size, sizeMib * mib);
    if (statSync(disk).size < storeBytes + tailBytes) await truncate(disk, storeBytes + tailBytes);
  };
  return {
    create: async ({ image, disk, sizeMib, signal }) => {
      await mustBePossible(helper, signal);
      closeSync(openSync(disk, "wx", 0o600));
      await grow({ image, disk, sizeMib });
    },
    size: ({ image, disk }) => {
      const imageBytes = statSync(image).size;
      return imageBytes + Math.max(0, statSync(disk).size - snapshotFile(imageBytes, imageBytes).storeBytes);
    },
    grow,
  };
}

/** Asks the kernel, through the helper: a kind that can't be started isn't made. */
async function mustBePossible(helper: Pick<HelperLink, "call">, signal: AbortSignal): Promise<void> {
  const { usable, why } = await helper.call(helperContract.diskProbe, {}, { signal }).catch((error: unknown) => {
    if (!(error instanceof BangerError) || error.code !== "unknown_method") throw error;
    return { usable: false, why: "the helper is older than the daemon: restart bangerd-root" };
  });
  if (usable) return;
  const hint =
    "Leave --disk-kind out; or, as root, `modprobe -a dm_snapshot loop`, where the kernel has these modules.";
  throw refusal("dm-snapshot", `no dm-snapshot on this host: ${why}`, hint);
}
