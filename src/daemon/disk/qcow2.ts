import { chmodSync } from "node:fs";
import type { Run } from "../process/run.ts";
import { qcow2Size } from "./qcow2-header.ts";
import type { RootDiskKind } from "./root-disk.ts";

/** A qcow2 overlay: made in the same time for a disk of any size, and read by QEMU only. */
export function qcow2({ run }: { readonly run: Run }): RootDiskKind {
  return {
    create: async ({ image, disk, sizeMib, signal }) => {
      // The helper names both layers to QEMU itself; the path in the header is for people and qemu-img.
      const backing = ["-b", image, "-F", "raw"];
      const options = ["-q", "-f", "qcow2", "-o", "lazy_refcounts=off", ...backing];
      await run({ file: "qemu-img", args: ["create", ...options, disk, `${sizeMib}M`], on: disk, signal });
      chmodSync(disk, 0o600);
    },
    size: ({ disk }) => qcow2Size(disk),
    grow: async ({ disk, sizeMib, signal }) => {
      qcow2Size(disk);
      // A VMM could have put any path in the header: no backing file is looked for.
      const opened = { driver: "qcow2", file: { driver: "file", filename: disk }, backing: null };
      const args = ["resize", "-q", `json:${JSON.stringify(opened)}`, `${sizeMib}M`];
      await run({ file: "qemu-img", args, on: disk, signal });
    },
  };
}
