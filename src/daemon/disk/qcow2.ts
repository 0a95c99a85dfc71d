import { chmodSync, rmSync, statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { qcow2Size } from "./qcow2-header.ts";
import type { RootDiskKind } from "./root-disk.ts";

const mib = 1024 * 1024;
/** Of stat(2)'s `blocks`. */
const blockBytes = 512;

/** A qcow2 overlay: made in the same time for a disk of any size, and read by QEMU only. */
export function qcow2({ run }: { readonly run: Run }): RootDiskKind {
  const kind: RootDiskKind = {
    create: async ({ image, disk, sizeMib, signal }) => {
      const least = Math.ceil(statSync(image).size / mib);
      if (sizeMib < least) {
        throw new BangerError("bad_params", `disk_mib: the image needs ${least} MiB, ${sizeMib} are too few`, {
          details: { field: "disk_mib", least },
        });
      }
      // The helper names both layers to QEMU itself; the path in the header is for people and qemu-img.
      const backing = ["-b", image, "-F", "raw"];
      const options = ["-q", "-f", "qcow2", "-o", "lazy_refcounts=off", ...backing];
      await run({ file: "qemu-img", args: ["create", ...options, disk, `${sizeMib}M`], signal });
      chmodSync(disk, 0o600);
    },
    attach: async ({ disk, sizeMib, signal }) => {
      if (qcow2Size(disk) < sizeMib * mib) await kind.grow({ disk, sizeMib, signal });
    },
    detach: () => Promise.resolve(),
    grow: async ({ disk, sizeMib, signal }) => {
      qcow2Size(disk);
      // A VMM could have put any path in the header: no backing file is looked for.
      const opened = { driver: "qcow2", file: { driver: "file", filename: disk }, backing: null };
      const args = ["resize", "-q", `json:${JSON.stringify(opened)}`, `${sizeMib}M`];
      await run({ file: "qemu-img", args, signal });
    },
    usage: async ({ disk }) => Math.ceil((statSync(disk).blocks * blockBytes) / mib),
    remove: async ({ disk }) => rmSync(disk, { force: true }),
  };
  return kind;
}
