import type { NewUse, VolumeRecords } from "./volume-records.ts";
import type { VolumeService } from "./volume-service.ts";
import type { WantedVolume } from "./wanted-volumes.ts";

/** What giving volumes to a VM needs. */
export interface AttachDeps {
  readonly volumes: Pick<VolumeService, "create" | "removeThis">;
  readonly volumeRecords: VolumeRecords;
}

/** What a volume has that is made where it is used, unless its size is said. */
const usualMib = 20_480;

/** Gives a VM that is made the volumes that it is to have, and makes those that aren't there: `made` gets their ids. */
export async function attachVolumes(
  deps: AttachDeps,
  vmId: string,
  wanted: readonly WantedVolume[],
  made: string[],
  signal: AbortSignal,
): Promise<void> {
  deps.volumeRecords.attach(vmId, await makeVolumes(deps, vmId, wanted, made, signal));
}

/**
 * Makes those of a VM's volumes that aren't there, and says what it is to be given. A work disk is its VM's from the moment that it
 * is there, by which what a daemon's end cut off finds it.
 */
export async function makeVolumes(
  { volumes, volumeRecords }: AttachDeps,
  vmId: string,
  wanted: readonly WantedVolume[],
  made: string[],
  signal: AbortSignal,
): Promise<NewUse[]> {
  const uses: NewUse[] = [];
  for (const { name, path, sizeMib = usualMib, workDisk } of wanted) {
    const there = workDisk ? undefined : volumeRecords.named(name)?.id;
    const own = workDisk ? { vmId, path } : undefined;
    const volumeId = there ?? (await volumes.create({ name, size_mib: sizeMib }, signal, own)).id;
    if (there === undefined) made.push(volumeId);
    if (!workDisk) uses.push({ volumeId, path, workDisk });
  }
  return uses;
}

/** Makes sure that a VM has none of these and that those are gone which were made for it. */
export function undoAttach(
  deps: AttachDeps,
  vmId: string,
  wanted: readonly WantedVolume[],
  made: readonly string[],
): void {
  const ids = wanted.flatMap(({ name }) => deps.volumeRecords.named(name)?.id ?? []);
  deps.volumeRecords.detach(vmId, ids);
  removeMade(deps, made);
}

/** Removes what was made for a VM, but for what isn't there any more and what another VM has come to have. */
export function removeMade({ volumes, volumeRecords }: AttachDeps, made: readonly string[]): void {
  for (const id of made.filter((one) => volumeRecords.isFree(one))) volumes.removeThis(id);
}
