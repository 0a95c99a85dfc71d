import { chmodSync, chownSync, rmSync } from "node:fs";
import type { HelperDeps } from "../deps.ts";

/**
 * Makes a FIFO between a VMM and others. It lies in a directory of root's, in which no VMM can put another: what is opened
 * there is what root made.
 */
export function makeFifo(
  { libc }: Pick<HelperDeps, "libc">,
  path: string,
  { uid, gid, mode }: { readonly uid: number; readonly gid: number; readonly mode: number },
): void {
  rmSync(path, { force: true });
  libc.makeFifo(path, 0o600);
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}
