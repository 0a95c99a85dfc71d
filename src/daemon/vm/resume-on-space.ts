import { statfsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../telemetry/log.ts";
import type { VmmConnection } from "../vmm/driver.ts";

/** What letting a guest go on needs. */
export interface ResumeDeps {
  readonly vmm: Pick<VmmConnection, "boot" | "condition" | "lost" | "closed">;
  /** A path on the file system of the VM's disk. */
  readonly path: string;
  readonly log: Logger;
}

/** A guest goes on when so much is free: less would be full again at once. */
const enoughBytes = 64 * 1024 * 1024;
const lookAgainMs = 1_000;

/** Lets a guest go on that its VMM stopped for want of disk space, once there is room; tries as long as it stands still. */
export async function resumeOnSpace({ vmm, path, log }: ResumeDeps): Promise<void> {
  const over = new AbortController();
  void Promise.race([vmm.lost, vmm.closed]).then(() => over.abort());
  log.warn("the guest stands still: the host's disk is full");
  while (vmm.condition === "no_space" && !over.signal.aborted) {
    await delay(lookAgainMs, undefined, { ref: false, signal: over.signal }).catch(() => undefined);
    try {
      if (over.signal.aborted || freeBytes(path) < enoughBytes) continue;
      await vmm.boot(over.signal);
      log.info("the guest goes on: there is room on the host's disk");
    } catch (error) {
      if (!over.signal.aborted) log.warn({ err: error }, "the guest could not be let go on yet");
    }
  }
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
