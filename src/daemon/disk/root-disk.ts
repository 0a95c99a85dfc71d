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

/** One way to give a VM a root disk that is a copy-on-write child of an image. */
export interface RootDiskKind {
  readonly kind: "qcow2";
  create(spec: RootDiskSpec): Promise<void>;
}
