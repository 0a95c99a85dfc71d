import type { DiskKind } from "../../rpc/contract/disk-kind.ts";
import { BangerError } from "../../rpc/contract/errors.ts";

/** What a root disk is made from. */
export interface RootDiskSpec {
  /** The base image's file; it is never written. */
  readonly image: string;
  /** Where the disk is to be. */
  readonly disk: string;
  /** MiB that the guest sees, not less than the image has. */
  readonly sizeMib: number;
  readonly signal: AbortSignal;
}

/** A root disk that is there. */
export interface RootDiskFile {
  /** The file of the image that it comes from. */
  readonly image: string;
  readonly disk: string;
}

/** One way to give a VM a root disk that comes from an image. A VMM may have written anything into the disk. */
export interface RootDiskKind {
  /** Makes a disk; what a failure left is removed by who called. */
  create(spec: RootDiskSpec): Promise<void>;
  /** Bytes that the guest sees; refuses a disk that its VM damaged. */
  size(file: RootDiskFile): number;
  /** Makes a disk that no VMM has open larger. */
  grow(file: RootDiskFile & { readonly sizeMib: number; readonly signal: AbortSignal }): Promise<void>;
}

/** A kind of disk that this host can't make, whatever it is made from. */
export function refusal(kind: DiskKind, reason: string, hint: string, cause?: unknown): BangerError {
  const details = { field: "disk_kind", refused: kind, hint };
  return new BangerError("host_failed", `disk_kind: ${reason}`, { ...(cause === undefined ? {} : { cause }), details });
}

/** Tells a refusal of a kind from other failures. */
export function isRefused(error: unknown, kind: DiskKind): error is BangerError {
  return error instanceof BangerError && error.details?.["refused"] === kind;
}
