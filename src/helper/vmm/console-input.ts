import type { HelperDeps } from "../deps.ts";
import { makeFifo } from "./vmm-fifo.ts";

/** Makes the FIFO by which the owner's daemon types on a guest's serial console. */
export function makeConsoleInput(deps: Pick<HelperDeps, "libc" | "layout" | "installation">, vmId: string): void {
  const { ownerUid, ownerGid } = deps.installation;
  makeFifo(deps, deps.layout.consoleInput(vmId), { uid: ownerUid, gid: ownerGid, mode: 0o600 });
}
