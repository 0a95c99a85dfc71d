import { createHash } from "node:crypto";

/** A VM's own machine-id (machine-id(5)): the same at each start, another for each VM, whatever it was made from. */
export function machineIdOf(installationId: string, vmId: string): string {
  const digest = createHash("sha256").update(`banger machine-id ${installationId} ${vmId}`).digest("hex");
  // As systemd makes them: a random UUID, of version 4.
  return `${digest.slice(0, 12)}4${digest.slice(13, 16)}8${digest.slice(17, 32)}`;
}
