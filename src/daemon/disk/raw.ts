import { constants } from "node:fs";
import { chmod, copyFile, truncate } from "node:fs/promises";
import { statSync } from "node:fs";
import type { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "../process/run.ts";
import { refusal, type RootDiskKind, type RootDiskSpec } from "./root-disk.ts";

const mib = 1024 * 1024;

/** How a file system says that it shares no blocks, or not between these two files (ioctl_ficlone(2)). */
const refusals: ReadonlySet<string | undefined> = new Set([
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOTTY",
  "ENOSYS",
  "EINVAL",
  "EXDEV",
  "EPERM",
]);

/** A file with the image's blocks, which it shares until one of them is written: made in the same time for an image of any size. */
export function reflink(): RootDiskKind {
  return raw(async ({ image, disk }) => {
    try {
      await copyFile(image, disk, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw refusals.has(code) ? noReflink(code, cause) : cause;
    }
  });
}

/** A file with blocks of its own, and the image's holes: for whoever asks for it. */
export function copy({ run }: { readonly run: Run }): RootDiskKind {
  return raw(async ({ image, disk, signal }) => {
    await run({ file: "cp", args: ["--sparse=always", "--reflink=never", "--", image, disk], on: disk, signal });
  });
}

function noReflink(code: string | undefined, cause: unknown): BangerError {
  const reason = `the file system of state_dir shares no blocks of the image (${code})`;
  const hint = "Leave --disk-kind out, or keep state_dir on btrfs, or on xfs made with reflink=1.";
  return refusal("reflink", reason, hint, cause);
}

/** A disk as it is, byte for byte: what was never written is a hole. */
function raw(make: (spec: RootDiskSpec) => Promise<void>): RootDiskKind {
  const size = ({ disk }: { disk: string }) => statSync(disk).size;
  const grow = async ({ disk, sizeMib }: { disk: string; sizeMib: number }) => {
    if (size({ disk }) < sizeMib * mib) await truncate(disk, sizeMib * mib);
  };
  return {
    create: async (spec) => {
      await make(spec);
      await chmod(spec.disk, 0o600);
      await grow(spec);
    },
    size,
    grow,
  };
}
