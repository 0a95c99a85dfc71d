import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../telemetry/log.ts";
import { isEnough, type RoomOf } from "../disk/room.ts";
import { stuck, type VmmConnection } from "../vmm/driver.ts";

/** What letting a guest go on needs. */
export interface ResumeDeps {
  readonly vmm: Pick<VmmConnection, "boot" | "condition" | "lost" | "closed">;
  /** A path on the file system of the VM's disk. */
  readonly path: string;
  readonly roomOf: RoomOf;
  /** Its disk may not meet a full file system. */
  readonly guarded: boolean;
  /** For a disk that is a device: makes sure that it takes writes; true when it had to be mended. */
  readonly mend?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Sets the guest's clock, which stood still too. */
  readonly setClock: (signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

const lookAgainMs = 1_000;
/** Whether a disk can be written that failed shows only when it is. */
const tryAgainMs = 10_000;

/** Lets a guest go on that its VMM stopped for want of disk space, once there is room, or as its disk can't be written; tries as long as it stands still. */
export async function resumeOnSpace({ vmm, path, roomOf, guarded, mend, setClock, log }: ResumeDeps): Promise<void> {
  const over = new AbortController();
  void Promise.race([vmm.lost, vmm.closed]).then(() => over.abort());
  const isFull = () => vmm.condition === "no_space";
  log.warn(`the guest stands still: ${isFull() ? "the host's disk is full" : "its disk can't be written"}`);
  while (stuck.has(vmm.condition) && !over.signal.aborted) {
    const wasFull = isFull();
    await delay(wasFull ? lookAgainMs : tryAgainMs, undefined, { ref: false, signal: over.signal }).catch(
      () => undefined,
    );
    try {
      if (over.signal.aborted || !isEnough(roomOf(path), guarded)) continue;
      if ((await mend?.(over.signal)) === true) log.warn("the kernel had given up the guest's disk; it was mended");
      await vmm.boot(over.signal);
      void setClock(over.signal).catch((error: unknown) => log.warn({ err: error }, "the guest's clock was not set"));
      log.info(`the guest goes on${wasFull ? ": there is room on the host's disk" : ", and its disk is tried again"}`);
    } catch (error) {
      if (!over.signal.aborted) log.warn({ err: error }, "the guest could not be let go on yet");
    }
  }
}
