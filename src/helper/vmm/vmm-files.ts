/** The files that a VMM is given, beside its volumes. */
export type VmmFile = "image" | "rootDisk" | "kernel" | "initrd";

/** Where a VMM finds its files; how it is launched decides: by descriptor, by bind mount in a unit, in a jail. */
export interface VmmFiles {
  /** The path by which the VMM opens it. */
  path(name: VmmFile): string;
  /** The same of a volume's disk, by its place among them, from 0. */
  volume(index: number): string;
  /** Descriptors that QEMU puts into its fd sets first; none where files have paths of their own. */
  readonly fdsets: readonly { readonly fd: number; readonly set: number }[];
}

/** The order in which a detached VMM inherits its files, from descriptor 3 on. */
export const inheritedOrder = ["image", "rootDisk", "kernel", "initrd"] as const satisfies readonly VmmFile[];

/** The descriptor of its first volume, above those that a shell can name. */
export const firstVolumeFd = 10;

const [imageSet, rootSet, firstVolumeSet] = [1, 2, 3];

/** The files of a VMM that inherits them: disks by fd set, since its uid may not open them; the rest is opened again. */
export function inheritedFiles(volumes: number): VmmFiles {
  return {
    path: (name) => {
      const fd = 3 + inheritedOrder.indexOf(name);
      return name === "image" || name === "rootDisk" ? `/dev/fdset/${fd - 2}` : `/proc/self/fd/${fd}`;
    },
    volume: (index) => `/dev/fdset/${firstVolumeSet + index}`,
    fdsets: [
      { fd: 3, set: imageSet },
      { fd: 4, set: rootSet },
      ...Array.from({ length: volumes }, (_, index) => ({ fd: firstVolumeFd + index, set: firstVolumeSet + index })),
    ],
  };
}
