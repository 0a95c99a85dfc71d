import { BangerError } from "./contract/errors.ts";

/** A failed system call as an error of the table where it says that a disk is full, else undefined. */
export function fullDiskOf(error: unknown): BangerError | undefined {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT") return undefined;
  return new BangerError(
    "no_space",
    path === undefined ? (error as Error).message : `${path} can't be written: the disk is full`,
    {
      cause: error,
    },
  );
}
