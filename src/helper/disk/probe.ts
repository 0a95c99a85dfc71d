import { accessSync, constants } from "node:fs";
import type { HelperDeps } from "../deps.ts";
import { dmControl } from "./device-mapper.ts";
import { tryLoop } from "./loop.ts";

/** The snapshot that gives a file's room back for what its guest discards: Linux 5.3's. */
const leastSnapshot = [1, 16] as const;

/** Says whether root disks can be snapshots on this host, by asking the kernel for what they are made of. */
export function probeDisks({ mapper, libc }: Pick<HelperDeps, "mapper" | "libc">): { usable: boolean; why: string } {
  try {
    accessSync(dmControl, constants.R_OK | constants.W_OK);
    tryLoop(libc);
    const [major, minor] = mapper.targetVersion("snapshot");
    if (major === leastSnapshot[0] && minor >= leastSnapshot[1])
      return { usable: true, why: "the kernel has dm-snapshot" };
    return {
      usable: false,
      why: `the kernel's dm-snapshot is ${major}.${minor}, older than ${leastSnapshot.join(".")} (Linux 5.3)`,
    };
  } catch (error) {
    const { code = "unknown", path } = error as NodeJS.ErrnoException;
    const missing = path === undefined ? "no dm-snapshot" : `no ${path}`;
    return { usable: false, why: `the kernel has ${missing} (${code})` };
  }
}
