import type { Volume } from "../../../rpc/contract/volume.ts";
import { fields, table } from "../../output/table.ts";
import { age, shortId, size } from "../../output/units.ts";

const mib = 1024 * 1024;

/** Volumes as a table. */
export function volumeTable(volumes: readonly Volume[]): string {
  return table(
    ["NAME", "ID", "SIZE", "ON DISK", "VM", "PATH", "CREATED"],
    volumes.map((volume) => [
      volume.name,
      shortId(volume.id),
      size(volume.size_mib * mib),
      volume.used_mib === null ? "missing" : size(volume.used_mib * mib),
      volume.used_by?.vm ?? "",
      volume.used_by?.path ?? "",
      age(volume.created_at),
    ]),
    "no volumes; `banger volume create NAME` makes one",
  );
}

/** One volume, a field a line. */
export function volumeFields(volume: Volume): string {
  const { used_by: user } = volume;
  return fields([
    ["name", volume.name],
    ["id", volume.id],
    ["size", size(volume.size_mib * mib)],
    [
      "on disk",
      volume.used_mib === null ? "its disk is missing; `banger doctor` says where it was" : size(volume.used_mib * mib),
    ],
    ["vm", user === null ? null : user.vm],
    ["path", user === null ? null : user.path],
    ["with its vm", user?.work_disk === true ? "removed, unless `vm delete --keep-work` keeps it" : null],
    ["created", volume.created_at],
  ]);
}
