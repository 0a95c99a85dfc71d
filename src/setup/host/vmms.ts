import { lstatSync, readdirSync, readFileSync } from "node:fs";
import type { Installation } from "../../installation/install-file.ts";
import type { DaemonLink } from "../deps.ts";
import type { Places } from "./places.ts";

/** A VMM's process, as the kernel shows it to everybody. */
export interface Vmm {
  readonly pid: number;
  readonly uid: number;
  /** Its VM's id, as its command line says; the pid where that says none. */
  readonly vmId: string;
}

/** What runs under the VMMs' uids, whoever is there to be asked about it. */
export function vmmsOf(places: Places, { uidFirst, uidCount }: Pick<Installation, "uidFirst" | "uidCount">): Vmm[] {
  const proc = places.at("/proc");
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const { uid } = lstatSync(`${proc}/${name}`);
        if (uid < uidFirst || uid >= uidFirst + uidCount) return [];
        const argv = readFileSync(`${proc}/${name}/cmdline`, "utf8").split("\0");
        // One that is dead and waits for its parent has none.
        if (argv.length < 2) return [];
        return [{ pid: Number(name), uid, vmId: idIn(argv) ?? name }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

/** QEMU has it at the end of its name, Firecracker as its own id. */
function idIn(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === "-name" || word === "--id");
  return at === -1 ? undefined : argv[at + 1]?.split(":").at(-1) || undefined;
}

/** What these VMs are called: their names where a daemon is there to say them, else their ids. */
export async function namesOf(vmms: readonly Vmm[], daemon: Pick<DaemonLink, "vms">): Promise<string[]> {
  if (vmms.length === 0) return [];
  const known = await daemon.vms().catch(() => []);
  return vmms.map(({ vmId }) => known.find(({ id }) => id === vmId)?.name ?? vmId);
}
