import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";
import { driveSerial } from "./firecracker/drive-serial.ts";

/** The serial number by which a guest finds a volume: QEMU gives the one that it is told, Firecracker one of its own making. */
export const volumeSerial: Readonly<Record<VmmKind, (volumeId: string, path: string) => string>> = {
  qemu: (volumeId) => volumeId,
  firecracker: (_, path) => driveSerial(path),
};
