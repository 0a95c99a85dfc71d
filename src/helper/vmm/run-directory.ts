import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from "node:fs";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";

/** The directory of a VMM's sockets: the VM's uid makes them, the owner's group may use them. */
export function makeRunDirectory({ layout, installation }: HelperDeps, { vm_id, uid }: VmFacts): void {
  const { directory } = layout.sockets(vm_id);
  removeRunDirectory(directory);
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, uid, installation.ownerGid);
  // The group connects to what is there; only the VM's uid makes something.
  chmodSync(directory, 0o2750);
}

/** Takes the directory away from the VM's uid, then removes it: nothing in it is exchanged for a link meanwhile. */
export function removeRunDirectory(directory: string): void {
  if (!existsSync(directory)) return;
  chownSync(directory, 0, 0);
  chmodSync(directory, 0o700);
  rmSync(directory, { recursive: true, force: true });
}
