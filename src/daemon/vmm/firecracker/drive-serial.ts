import { statSync } from "node:fs";

/** What virtio has room for (VIRTIO_BLK_ID_BYTES of the kernel's include/uapi/linux/virtio_blk.h). */
const length = 20;

/** The serial number by which a guest finds a disk: Firecracker takes none, but tells the file's place (`build_device_id` in its block device). */
export function driveSerial(path: string): string {
  const { dev, rdev, ino } = statSync(path, { bigint: true });
  return `${dev}${rdev}${ino}`.slice(0, length);
}
