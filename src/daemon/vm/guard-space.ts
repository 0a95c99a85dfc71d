import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../telemetry/log.ts";
import type { RoomOf } from "../disk/room.ts";
import type { VmmConnection } from "../vmm/driver.ts";

/** What guarding needs. */
export interface GuardDeps {
  readonly vmm: Pick<VmmConnection, "condition" | "standStill" | "lost" | "closed">;
  /** A path on the file system of the VM's disk. */
  readonly path: string;
  readonly roomOf: RoomOf;
  readonly log: Logger;
}

const lookAgainMs = 200;

/**
 * Lets a guest stand still before the file system of its disk is full: the kernel gives up a snapshot whose file it can't
 * write, and a VMM that doesn't stop its guest by itself lets the guest's write fail. A snapshot whose guest was quicker is
 * mended before it goes on, so that it loses nothing either.
 */
export async function guardSpace({ vmm, path, roomOf, log }: GuardDeps): Promise<void> {
  const over = new AbortController();
  void Promise.race([vmm.lost, vmm.closed]).then(() => over.abort());
  while (!over.signal.aborted) {
    try {
      const { free, low } = roomOf(path);
      if (free < low && (vmm.condition === "running" || vmm.condition === "disk_failed"))
        await vmm.standStill(over.signal);
    } catch (error) {
      if (!over.signal.aborted) log.warn({ err: error }, "a guest can't be kept from filling the host's disk");
    }
    await delay(lookAgainMs, undefined, { ref: false, signal: over.signal }).catch(() => undefined);
  }
}
