/** The QEMU that is run, and its firmware. */
export const qemuFiles = { program: "/usr/bin/qemu-system-x86_64", firmware: "/usr/share/qemu/qboot.rom" } as const;
