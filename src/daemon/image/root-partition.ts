import { BangerError } from "../../rpc/contract/errors.ts";
import { type Partition, partitionsOf } from "./partition-table.ts";
import { headBytes, recognise } from "./recognise.ts";
import { refused } from "./source.ts";
import { bytesAt } from "../process/bytes-at.ts";

/** GPT's type of the root of an x86-64 Linux (the Discoverable Partitions Specification). */
const rootType = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";

/** Finds the root partition of a disk: the one that is asked for, that GPT's type names, or the only ext4. */
export function rootPartition(
  disk: string,
  wanted: number | undefined,
  named: string,
): { root: Partition; others: Partition[] } {
  const all = partitionsOf((at, length) => bytesAt(disk, at, length), named);
  if (all.length === 0)
    throw refused(
      named,
      "is neither a tar archive nor an ext4 file system, and its partition table is empty; check what it was made from",
    );
  const ext = all.filter(({ start }) => formatAt(disk, start).kind === "ext");
  const list = all.map((partition) => described(partition, disk)).join("; ");
  const of = (root: Partition) => ({ root, others: all.filter((other) => other !== root) });
  if (wanted !== undefined) {
    const one = all.find(({ number }) => number === wanted);
    if (one === undefined)
      throw new BangerError("bad_params", `partition: there is no ${wanted}; there are: ${list}`, {
        details: { field: "partition" },
      });
    if (!ext.includes(one))
      throw refused(named, `has no ext4 file system in partition ${wanted}: ${list}; give another --partition`);
    return of(one);
  }
  const typed = ext.filter(({ type }) => type === rootType);
  const [first] = typed.length === 1 ? typed : ext;
  if (first !== undefined && (typed.length === 1 || ext.length === 1)) return of(first);
  if (ext.length === 0)
    throw refused(
      named,
      `has no partition with an ext4 file system: ${list}; mount the root and pack it: tar -C /mnt --numeric-owner --xattrs -cf root.tar .`,
    );
  throw new BangerError(
    "bad_params",
    `partition: more than one could be the root: ${list}; say which with --partition N`,
    { details: { field: "partition" } },
  );
}

function formatAt(disk: string, start: number) {
  return recognise(bytesAt(disk, start, headBytes));
}

function described(partition: Partition, disk: string): string {
  const { number, start, size, type } = partition;
  const format = formatAt(disk, start);
  const what = format.kind === "foreign" ? `, ${format.what}` : format.kind === "ext" ? ", ext4" : "";
  return `${number} (type ${type}, at byte ${start}, ${Math.ceil(size / 1024 / 1024)} MiB${format.kind === "foreign" && format.what.startsWith("neither") ? "" : what})`;
}
