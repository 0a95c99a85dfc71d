import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { copyExt4, checkedExt4 } from "./ext4-file.ts";
import { extSuperblock } from "./ext-superblock.ts";
import { headBytes, recognise } from "./recognise.ts";
import { rawOfQcow2 } from "./qcow2-source.ts";
import { rootPartition } from "./root-partition.ts";
import { refused, type Source } from "./source.ts";
import { bytesAt } from "../process/bytes-at.ts";
import type { SurveyDeps } from "./survey-tar.ts";

/** What a disk is taken by. */
export interface DiskDeps extends SurveyDeps {
  readonly scratch: string;
  readonly progress: (text: string) => Promise<void>;
}

/** Makes an image's file system of a qcow2 disk that stands alone. */
export async function ext4OfQcow2(
  source: Source,
  partition: number | undefined,
  limitMib: number,
  deps: DiskDeps,
): Promise<string> {
  await deps.progress("unpacking the qcow2 disk");
  const raw = await rawOfQcow2(source, limitMib, deps.scratch, deps);
  const format = recognise(bytesAt(raw, 0, headBytes));
  if (format.kind === "ext") return copyExt4(raw, deps.scratch, deps, source.path);
  if (format.kind !== "partitioned") {
    throw refused(
      source.path,
      `holds ${format.kind === "foreign" ? format.what : `a ${format.kind}`}; ${format.kind === "foreign" ? format.next : "give that by itself"}`,
    );
  }
  const disk = await ext4OfPartition(raw, partition, source.path, deps);
  rmSync(raw);
  return disk;
}

/** Makes an image's file system of the root partition of a raw disk; `named` is what people call it. */
export async function ext4OfPartition(
  raw: string,
  partition: number | undefined,
  named: string,
  deps: DiskDeps,
): Promise<string> {
  const { root, others } = rootPartition(raw, partition, named);
  const most = Math.min(root.size, Math.max(0, statSync(raw).size - root.start));
  const { size } = extSuperblock(raw, most, named, root.start);
  await deps.progress(`taking partition ${root.number}`);
  for (const { number } of others) {
    await deps.progress(`partition ${number} is left out; what /etc/fstab says of it a guest waits for in vain`);
  }
  const disk = join(deps.scratch, "root.ext4");
  const range = [`skip=${root.start}`, `count=${size}`, "iflag=skip_bytes,count_bytes", "conv=sparse", "bs=1M"];
  await deps.run({
    file: "dd",
    args: [`if=${raw}`, `of=${disk}`, ...range, "status=none"],
    on: disk,
    signal: deps.signal,
  });
  // Holes at the end are no bytes that dd wrote.
  await deps.run({ file: "truncate", args: [`--size=${size}`, disk], on: disk, signal: deps.signal });
  return checkedExt4(disk, named, deps);
}
