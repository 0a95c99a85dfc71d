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

/** One way to give a VM a root disk that is a copy-on-write child of an image. A VMM may have written anything into the disk. */
export interface RootDiskKind {
  /** Makes a disk, in the same time for one of any size. */
  create(spec: RootDiskSpec): Promise<void>;
  /** Makes the disk ready for a VMM, at least as large as `sizeMib`; the helper opens what it names by itself. */
  attach(file: RootDiskFile & { readonly sizeMib: number; readonly signal: AbortSignal }): Promise<void>;
  /** Takes away what `attach` made on the host, if it made something. */
  detach(file: RootDiskFile): Promise<void>;
  /** Makes a disk that no VMM has open larger. */
  grow(file: RootDiskFile & { readonly sizeMib: number; readonly signal: AbortSignal }): Promise<void>;
  /** MiB that it takes on the host. */
  usage(file: RootDiskFile): Promise<number>;
  /** Removes a disk, there or not. */
  remove(file: RootDiskFile): Promise<void>;
}
