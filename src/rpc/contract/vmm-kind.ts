import { z } from "zod";

/** The virtual machine monitors that banger can run a guest with. */
export const vmmKind = z.enum(["qemu", "firecracker"]);

export type VmmKind = z.infer<typeof vmmKind>;

/** How guest instructions are run: by the CPU, or by emulating it. */
export const accelKind = z.enum(["kvm", "tcg"]);

/** What is asked for where a VM is made: `auto` is for banger to choose. */
export const vmmWish = z.enum(["auto", ...vmmKind.options]);
export const accelWish = z.enum(["auto", ...accelKind.options]);

/** A VMM's kind, or that banger chooses. */
export type VmmWish = z.infer<typeof vmmWish>;

/** How instructions are to be run, or that banger chooses. */
export type AccelWish = z.infer<typeof accelWish>;
