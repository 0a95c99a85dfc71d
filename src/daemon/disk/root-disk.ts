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
