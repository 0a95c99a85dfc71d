import { readFileSync } from "node:fs";
import { guestConfigArchive } from "../src/daemon/guest/guest-config.ts";
import { guestPrograms } from "../src/daemon/guest/guest-programs.ts";
import { parseInstallFile } from "../src/installation/install-file.ts";
import { type Layout, layoutOf } from "../src/installation/layout.ts";
import type { Vm } from "../src/rpc/contract/vm.ts";

/** Where the installation that is measured has its things. */
export function installedLayout(): Layout {
  return layoutOf(parseInstallFile(readFileSync(process.env["BANGER_CONFIG"] ?? "", "utf8")));
}

/** The address of the network device of a guest that is started by hand. */
export function macByHand(number: number): string {
  return `02:00:00:00:00:c${number}`;
}

/** The initrd of a VM, for a guest that is started by hand beside it: with an address of its own. */
export function initrdByHand(layout: Layout, vm: Vm, number: number): Buffer {
  return Buffer.concat([
    readFileSync(layout.kernel(vm.kernel.id).initrd),
    guestPrograms("/mnt/banger/guest/build")(),
    guestConfigArchive({
      hostname: "by-hand",
      network: {
        address: `10.77.0.${200 + number}/24`,
        gateway: "10.77.0.1",
        mac: macByHand(number),
        resolvers: [],
        search: [],
      },
      machineId: "5eed".repeat(8),
      authorizedKeys: readFileSync(`${layout.ssh}/authorized_keys`, "utf8"),
      hostKey: readFileSync(layout.vm(vm.id).hostKey, "utf8"),
      hostKeyPub: readFileSync(`${layout.vm(vm.id).hostKey}.pub`, "utf8"),
      volumes: [],
    }),
  ]);
}
