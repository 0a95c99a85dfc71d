import { statfsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../telemetry/log.ts";
import { stuck, type VmmConnection } from "../vmm/driver.ts";

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
/** Whether a disk can be written that failed shows only when it is. */
const tryAgainMs = 10_000;

/** Lets a guest go on that its VMM stopped for want of disk space, once there is room, or as its disk can't be written; tries as long as it stands still. */
export async function resumeOnSpace({ vmm, path, log }: ResumeDeps): Promise<void> {
  const over = new AbortController();
  void Promise.race([vmm.lost, vmm.closed]).then(() => over.abort());
  const isFull = vmm.condition === "no_space";
  log.warn(`the guest stands still: ${isFull ? "the host's disk is full" : "its disk can't be written"}`);
  while (stuck.has(vmm.condition) && !over.signal.aborted) {
    await delay(isFull ? lookAgainMs : tryAgainMs, undefined, { ref: false, signal: over.signal }).catch(
      () => undefined,
    );
    try {
      if (over.signal.aborted || freeBytes(path) < enoughBytes) continue;
      await vmm.boot(over.signal);
      log.info(`the guest goes on${isFull ? ": there is room on the host's disk" : ", and its disk is tried again"}`);
    } catch (error) {
      if (!over.signal.aborted) log.warn({ err: error }, "the guest could not be let go on yet");
    }
  }
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
