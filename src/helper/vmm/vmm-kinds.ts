import type { VmmKind } from "../../rpc/contract/vmm-kind.ts";
import { firecracker } from "./firecracker.ts";
import { qemu } from "./qemu.ts";
import type { KindOfVmm } from "./vmm-kind.ts";

/** The VMMs that the helper starts. */
export const vmmKinds: Readonly<Record<VmmKind, KindOfVmm>> = { qemu, firecracker };
