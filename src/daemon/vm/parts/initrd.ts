import { rmSync, writeFileSync } from "node:fs";
import type { Layout } from "../../../installation/layout.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { StartInitrd } from "../../guest/start-initrd.ts";
import type { GuestKeys } from "../../ssh/guest-keys.ts";
import type { Part } from "./part.ts";

/** What the initrd needs. */
export interface InitrdDeps {
  readonly layout: Layout;
  readonly startInitrd: StartInitrd;
  readonly guestKeys: Pick<GuestKeys, "started" | "ended">;
}

/** What the guest's kernel unpacks before anything runs: modules, the guest's programs, and what this VM is given. */
export function initrd({ layout, startInitrd, guestKeys }: InitrdDeps): Part {
  return {
    name: "initrd",
    on: (vmId) => ({ [attribute.file]: layout.vm(vmId).initrd }),
    acquire: async ({ vm }) => {
      const { initrd: path } = layout.vm(vm.id);
      rmSync(path, { force: true });
      writeFileSync(path, startInitrd(vm), { mode: 0o600 });
      guestKeys.started(vm.id);
    },
    release: async ({ id }) => {
      guestKeys.ended(id);
      rmSync(layout.vm(id).initrd, { force: true });
    },
  };
}
