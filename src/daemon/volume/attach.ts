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

/**
 * Gives a VM that doesn't run the volumes that it is to have, and makes those that aren't there: `made` gets their ids. A work disk
 * is its VM's from the moment that it is there, by which what a daemon's end cut off finds it; the others are so all at once.
 */
export async function attachVolumes(
  { volumes, volumeRecords }: AttachDeps,
  vmId: string,
  wanted: readonly WantedVolume[],
  made: string[],
  signal: AbortSignal,
): Promise<void> {
  const uses: NewUse[] = [];
  for (const { name, path, sizeMib = usualMib, workDisk } of wanted) {
    const there = workDisk ? undefined : volumeRecords.named(name)?.id;
    const own = workDisk ? { vmId, path } : undefined;
    const volumeId = there ?? (await volumes.create({ name, size_mib: sizeMib }, signal, own)).id;
    if (there === undefined) made.push(volumeId);
    if (!workDisk) uses.push({ volumeId, path, workDisk });
  }
  volumeRecords.attach(vmId, uses);
}

/** Makes sure that a VM has none of these and that those are gone which were made for it. */
export function undoAttach(
  { volumes, volumeRecords }: AttachDeps,
  vmId: string,
  wanted: readonly WantedVolume[],
  made: readonly string[],
): void {
  const ids = wanted.flatMap(({ name }) => volumeRecords.named(name)?.id ?? []);
  volumeRecords.detach(vmId, ids);
  for (const id of made) volumes.removeThis(id);
}
