import { fakeKernel } from "./fake-kernel.ts";
import type { Installation } from "./installation.ts";

/** The modules that a kernel has built in, so that it needs no files of them. */
const builtin = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "ext4"];

/** Imports a small image of a tar archive, `tiny`, and a kernel that nothing can boot, `linux`. */
export async function importTinyContent(host: Installation, tar: string): Promise<void> {
  await host.sandbox.root(`
    mkdir -p /mnt/tmp/modules; cd /mnt/tmp
    echo ${fakeKernel().toString("base64")} | base64 -d > vmlinux; touch modules/modules.dep
    for module in ${builtin.join(" ")}; do echo kernel/$module.ko; done > modules/modules.builtin
    chmod -R a+rX vmlinux modules`);
  await host.ok("image", "import", tar, "--name", "tiny");
  await host.ok("kernel", "import", "/mnt/tmp/vmlinux", "--modules", "/mnt/tmp/modules", "--name", "linux");
}
