import { chmodSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { errnoName } from "../../rpc/errno-name.ts";
import { hostTroubleOf } from "../../rpc/host-trouble.ts";
import { makeDirectory } from "../store/make-directory.ts";

/** Where the owner's SSH key and known_hosts of this installation lie. */
export interface OwnerSshDeps {
  /** The owner's home; undefined where passwd has none. */
  readonly home: string | undefined;
  /** The directory below it that is this installation's. */
  readonly directory: string | undefined;
  /** The directory of the installation's own state that stands in for it. */
  readonly standIn: string;
}

/** Makes the directory of this installation in the owner's home, or says why it can't be had. */
export function openOwnerDirectory({ home, directory }: Pick<OwnerSshDeps, "home" | "directory">): string {
  if (directory === undefined) throw new BangerError("host_failed", "passwd has no home for the owner");
  // A home that isn't there is mounted later, or never: none is made in its place.
  if (home !== undefined && directory.startsWith(`${home}/`) && !isDirectory(home)) {
    throw new BangerError("host_failed", `the owner's home ${home} is not there`);
  }
  makeDirectory(directory);
  const { uid, mode } = statSync(directory);
  const own = process.getuid?.();
  if (uid !== own)
    throw new BangerError("host_failed", `${directory} belongs to uid ${uid}, not to the owner (${own})`);
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
  return directory;
}

/** Why the owner's home takes or gives no file, in a line. */
export function homeTrouble(error: unknown, { directory }: Pick<OwnerSshDeps, "directory">): string {
  if (error instanceof BangerError) return error.plain;
  const code = errnoName(error);
  if (code === "ENOSPC") return `${directory} can't be written: the disk is full`;
  if (code === "EDQUOT") return `${directory} can't be written: the owner's quota is used up`;
  const known = hostTroubleOf(error);
  if (known !== undefined) return known.plain;
  const { path = directory ?? "" } = error as NodeJS.ErrnoException;
  if (code === "") throw error;
  return `${path}: ${code === "ENOTDIR" || code === "EEXIST" ? `${dirname(path)} holds something else in its place` : "it can't be used"} (${code})`;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
