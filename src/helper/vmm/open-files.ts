import { openSync } from "node:fs";
import { type DiskFormat, diskFormats } from "../../rpc/contract/disk-kind.ts";
import type { HelperDeps } from "../deps.ts";
import { openDiskDevice } from "../disk/open-device.ts";
import { openOwnersFile } from "../files/safe-open.ts";
import type { Given, StartParams } from "./vmm-kind.ts";

/** What the root disk's file is; a daemon that doesn't say knows one kind only. */
export function formatOf({ disk_kind: kind = "qcow2" }: StartParams): DiskFormat {
  return diskFormats[kind];
}

/** Opens what a VMM is given. What the owner made is checked, and what was checked is what is used. */
export function openGiven(deps: HelperDeps, params: StartParams, name: Given): number {
  const { layout, installation, libc } = deps;
  const { vm_id: vmId } = params;
  const open = (path: string, access: "read" | "write") => openOwnersFile(libc, path, installation.ownerUid, access);
  switch (name) {
    case "image":
      return open(layout.image(params.image_id), "read");
    case "kernel":
      return open(layout.kernel(params.kernel_id).vmlinux, "read");
    case "initrd":
      return open(layout.vm(vmId).initrd, "read");
    case "rootDisk": {
      const format = formatOf(params);
      return format === "snapshot"
        ? openDiskDevice(deps, vmId, params.generation)
        : open(layout.vm(vmId).rootDisk[format], "write");
    }
    case "mounts":
      return openSync("/proc/self/ns/mnt", "r");
  }
}

/** Opens the disk of a volume. */
export function openVolume({ layout, installation, libc }: HelperDeps, volumeId: string): number {
  return openOwnersFile(libc, layout.volume(volumeId), installation.ownerUid, "write");
}
