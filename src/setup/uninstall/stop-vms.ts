import { setTimeout as wait } from "node:timers/promises";
import type { Installation } from "../../installation/install-file.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { SetupDeps } from "../deps.ts";
import { sockets } from "../setup.ts";
import { namesOf, vmmsOf } from "../host/vmms.ts";

/** Which VMs would be stopped. */
export async function vmsPlan({ daemonOf, places }: SetupDeps, installation: Installation): Promise<string[]> {
  const names = await namesOf(vmmsOf(places, installation), daemonOf(installation, places.config));
  return names.map((name) => `stop the VM ${name}`);
}

/** In order where a daemon is there to do it; what is left then is ended. */
export async function stopVms(
  { daemonOf, places, systemd, note }: SetupDeps,
  installation: Installation,
): Promise<void> {
  const daemon = daemonOf(installation, places.config);
  await systemd.start(sockets).catch(() => undefined);
  const vms = await daemon.vmsToStop().catch(() => []);
  const stopping = vms.filter(({ state }) => ["running", "starting", "stopping"].includes(state));
  await Promise.allSettled(stopping.map(({ id }) => daemon.stopVm(id)));
  for (const { pid, vmId } of vmmsOf(places, installation)) {
    note(`${vmId} is killed: no daemon could stop it`);
    kill(pid);
  }
  for (let tries = 0; vmmsOf(places, installation).length > 0 && tries < 50; tries++) await wait(100);
  const left = vmmsOf(places, installation).map(({ vmId, pid }) => `${vmId} (pid ${pid})`);
  if (left.length === 0) return;
  throw new BangerError("in_use", `still there after SIGKILL: ${left.join(", ")}`, {
    details: { hint: "What waits for a disk ends with that; then run the command again." },
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
