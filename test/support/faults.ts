import type { Installation, Process } from "./installation.ts";

const faultFile = "/mnt/tmp/fault";

/** Starts a daemon of which steps can be made to go wrong (faulty-daemon.ts). */
export async function startFaultyDaemon(
  host: Installation,
  env: Readonly<Record<string, string>> = {},
): Promise<Process> {
  await setFault(host, "none");
  return host.startDaemon({ FAULT_FILE: faultFile, ...env }, ["node", "test/support/faulty-daemon.ts"]);
}

/** Says where the next fault is: `vm.start tap after`; ends one that holds. */
export async function setFault(host: Installation, fault: string): Promise<void> {
  await host.sandbox.root(`echo ${fault} > ${faultFile}.new && mv ${faultFile}.new ${faultFile}`);
}
