import type { HelperDeps } from "../deps.ts";
import type { VmmLimits } from "./limits.ts";

/** What puts a VMM into its cage: limits, and a mount namespace in which it sees nothing of the owner's or another VM's. */
export function cageOf(
  { layout, installation, programs }: Pick<HelperDeps, "layout" | "installation" | "programs">,
  vmId: string,
  limits: VmmLimits,
): string[] {
  const hidden = [installation.stateDir, installation.runDir, layout.vmSockets];
  return [programs.vmmCage, ...limitArgs(limits), layout.sockets(vmId).directory, ...hidden, "--"];
}

/** The limits as the host's programs take them. */
export function limitArgs({ addressSpaceBytes, fileBytes, processes }: VmmLimits): string[] {
  return [addressSpaceBytes, fileBytes, processes].map(String);
}
