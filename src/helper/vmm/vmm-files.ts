/** The files that a VMM is given. */
export type VmmFile = "image" | "rootDisk" | "kernel" | "initrd";

/** Where a VMM finds its files; how it is launched decides: by descriptor, by bind mount in a unit, in a jail. */
export interface VmmFiles {
  /** The path by which the VMM opens it. */
  path(name: VmmFile): string;
  /** Descriptors that QEMU puts into its fd sets first; none where files have paths of their own. */
  readonly fdsets: readonly { readonly fd: number; readonly set: number }[];
}

/** The order in which a detached VMM inherits its files, from descriptor 3 on. */
export const inheritedOrder = ["image", "rootDisk", "kernel", "initrd"] as const satisfies readonly VmmFile[];

/** The files of a VMM that inherits them: disks by fd set, since its uid may not open them; the rest is opened again. */
export const inheritedFiles: VmmFiles = {
  path: (name) => {
    const fd = 3 + inheritedOrder.indexOf(name);
    return name === "image" || name === "rootDisk" ? `/dev/fdset/${fd - 2}` : `/proc/self/fd/${fd}`;
  },
  fdsets: [
    { fd: 3, set: 1 },
    { fd: 4, set: 2 },
  ],
};
