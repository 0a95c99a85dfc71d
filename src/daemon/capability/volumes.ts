import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import { entriesOf } from "../process/entries-of.ts";
import { growVolumeDisk } from "../volume/volume-disk.ts";
import type { StoredVolume, VolumeRecords } from "../volume/volume-records.ts";
import type { Capability, HostSeen } from "./capability.ts";

/** What volumes need of the daemon. */
export interface VolumesDeps {
  readonly layout: Pick<Layout, "volume" | "scratch">;
  readonly volumes: Pick<VolumeRecords, "list" | "has">;
}

/** The disks that a VM has beside its root disk: its work disk, and others that outlive it. The VMM is given them, init mounts them. */
export function volumes(deps: VolumesDeps): Capability {
  const { layout } = deps;
  return {
    name: "volumes",
    startPreflight: async (vm, seen) => {
      if (vm.volumes.length === 0) return [];
      return [...helperLacks(seen), ...vm.volumes.flatMap((volume) => diskLacks(layout, volume))];
    },
    // A daemon that ended in between has said in the record alone that one is larger.
    prepareHost: async ({ vm }) => {
      for (const { id, size_mib } of vm.volumes) growVolumeDisk({ layout }, id, size_mib);
    },
    cleanup: { none: "files, which stay" },
    doctorChecks: [{ name: "volumes", run: async () => [...missing(deps), ...withoutRecord(deps)] }],
  };
}

/** A helper that knows nothing of volumes would start the VM without them. */
function helperLacks(seen: HostSeen): Finding[] {
  if (seen?.most_volumes !== undefined) return [];
  const message = "the helper is older than the daemon, and would leave the VM's volumes out";
  return [{ code: "helper_older", level: "error", message, hint: "Restart bangerd-root." }];
}

function diskLacks(layout: VolumesDeps["layout"], { id, name }: Pick<StoredVolume, "id" | "name">): Finding[] {
  const place = layout.volume(id);
  const stat = statSync(place, { throwIfNoEntry: false });
  if (stat?.isFile() === true) return [];
  const message = `the disk of volume ${name} is missing: ${place}`;
  const hint = `Put it back, or take the volume from its VM (\`banger vm set VM --no-volume ${name}\`) and remove it.`;
  return [{ code: "volume_missing", level: "error", message, hint }];
}

function missing({ layout, volumes: records }: VolumesDeps): Finding[] {
  return records.list().flatMap((volume) => diskLacks(layout, volume));
}

/** A disk that no record knows, of a state directory that was put back in part, say. It is somebody's data: nobody but a person removes it. */
function withoutRecord({ layout, volumes: records }: VolumesDeps): Finding[] {
  const directory = dirname(layout.volume("0"));
  return entriesOf(directory)
    .filter((file) => !records.has(basename(file, ".raw")))
    .map((file) => ({
      code: "volume_unknown",
      level: "warning",
      message: `${directory}/${file} is no volume's disk`,
      hint: "Nothing uses it: keep what it holds, then remove it.",
    }));
}
