import { chmodSync, chownSync, rmSync } from "node:fs";
import type { HelperDeps } from "../deps.ts";

/**
 * Makes the FIFO by which the owner's daemon types on a guest's serial console. It lies in a directory of root's, in which
 * no VMM can put another: what a daemon opens there is what root made.
 */
export function makeConsoleInput({ libc, layout, installation }: HelperDeps, vmId: string): void {
  const path = layout.consoleInput(vmId);
  rmSync(path, { force: true });
  libc.makeFifo(path, 0o600);
  chownSync(path, installation.ownerUid, installation.ownerGid);
  chmodSync(path, 0o600);
}
