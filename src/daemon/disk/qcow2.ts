import { chmodSync, statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import type { RootDiskKind } from "./root-disk.ts";

const mib = 1024 * 1024;

/** A qcow2 overlay: made in the same time for a disk of any size, and read by QEMU only. */
export function qcow2({ run }: { readonly run: Run }): RootDiskKind {
  return {
    kind: "qcow2",
    create: async ({ image, disk, sizeMib, signal }) => {
      const least = Math.ceil(statSync(image).size / mib);
      if (sizeMib < least) {
        throw new BangerError("bad_params", `disk_mib: the image needs ${least} MiB, ${sizeMib} are too few`, {
          details: { field: "disk_mib", least },
        });
      }
      // The helper names both layers to QEMU itself; the path in the header is for people and qemu-img.
      await run({
        file: "qemu-img",
        args: [
          "create",
          "-q",
          "-f",
          "qcow2",
          "-o",
          "lazy_refcounts=off",
          "-b",
          image,
          "-F",
          "raw",
          disk,
          `${sizeMib}M`,
        ],
        signal,
      });
      chmodSync(disk, 0o600);
    },
  };
}
