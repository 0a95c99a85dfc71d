import { BangerError } from "../../rpc/contract/errors.ts";
import { type DiskDeps, ext4OfPartition, ext4OfQcow2 } from "./disk-source.ts";
import { copyExt4 } from "./ext4-file.ts";
import { defaultMib, ext4OfTar } from "./ext4.ts";
import { type Decompressor, decompression, recognise } from "./recognise.ts";
import { chooseRootless } from "./rootless.ts";
import { refused, type Source } from "./source.ts";
import { surveyTar } from "./survey-tar.ts";

/** What a person may say of the source. */
interface Wishes {
  readonly size_mib?: number | undefined;
  readonly partition?: number | undefined;
}

/** Makes an image's file system of what a source is, in `scratch`; returns its file. */
export async function ext4OfSource(source: Source, wishes: Wishes, deps: DiskDeps): Promise<string> {
  const { size_mib: sizeMib, partition } = wishes;
  const format = recognise(source.head);
  if (format.kind === "foreign") throw refused(source.path, `is ${format.what}; ${format.next}`);
  const disk = format.kind === "partitioned" || format.kind === "qcow2";
  if (partition !== undefined && !disk)
    throw unfit("partition", "only a raw or qcow2 disk has partitions; leave it out");
  if (format.kind === "tar") return ofTar(source, undefined, sizeMib, deps);
  if (format.kind === "compressed") return ofTar(source, format.program, sizeMib, deps);
  if (format.kind === "qcow2") return ext4OfQcow2(source, partition, sizeMib ?? defaultMib, deps);
  if (sizeMib !== undefined) {
    throw unfit(
      "size_mib",
      `a file system is grown to ${defaultMib} MiB or keeps its size; give a VM a larger disk with --disk-mib`,
    );
  }
  if (format.kind === "ext") return copyExt4(source.path, deps.scratch, deps);
  return ext4OfPartition(source.path, partition, source.path, deps);
}

async function ofTar(source: Source, program: Decompressor | undefined, sizeMib: number | undefined, deps: DiskDeps) {
  const { run, signal, scratch, progress } = deps;
  const { root, spelt, joined, beside, highestId, devices, acls, capable } = await surveyTar(
    source,
    program,
    sizeMib ?? defaultMib,
    deps,
  );
  if (root !== "")
    await progress(`${root}/ is the root file system${beside.length === 0 ? "" : `; left out: ${beside.join(", ")}`}`);
  const rootless = await chooseRootless(run, scratch, signal, { highestId, devices: devices.length > 0 });
  const namespace = rootless.mode === "unshare";
  if (acls > 0 && !namespace)
    await progress(`not kept: the access control lists of ${acls} files, which fakeroot can't set`);
  if (capable > 0 && !namespace)
    await progress(`not kept: extended attributes, the capabilities of ${capable} files too, which fakeroot can't set`);
  const note = (text: string) => void progress(text);
  const tar = {
    file: source.path,
    root,
    spelt,
    joined,
    acls: acls > 0 && namespace,
    xattrs: namespace || capable === 0,
    note,
    ...(program === undefined ? {} : { program: decompression(program).join(" ") }),
  };
  return ext4OfTar(tar, sizeMib, scratch, { run, signal, rootless });
}

function unfit(field: string, why: string): BangerError {
  return new BangerError("bad_params", `${field}: ${why}`, { details: { field } });
}
