import { z } from "zod";
import { method } from "./method.ts";
import { vmmKind } from "./vmm-kind.ts";

const program = z.object({
  path: z.string(),
  /** Null where it says none. */
  version: z.string().nullable(),
  usable: z.boolean(),
  /** Why it can be used, or not. */
  why: z.string(),
});

/** A VMM of this host. */
const vmm = program.extend({
  kind: vmmKind,
  /** The least version that banger runs VMs with. */
  least_version: z.string(),
  too_old: z.boolean(),
  /** What shuts a Firecracker in; null for QEMU, and where there is none: it is shut in by other means then. */
  jailer: program.nullable(),
});

/** A VMM as the wire has it. */
export type Vmm = z.output<typeof vmm>;

/** The methods on VMMs. */
export const vmmContract = {
  vmmList: method({
    name: "vmm.list",
    summary: "Lists the VMMs of this host, and says which of them runs a VM for which none is named.",
    params: z.object({}),
    result: z.object({
      vmms: z.array(vmm),
      /** What `auto` takes. */
      auto: z.object({ kind: vmmKind, why: z.string() }),
      /** What a VM gets for which nothing is named; left out while the config file can't be read. */
      default: z
        .object({
          /** Null where such a VM can't be made. */
          kind: vmmKind.nullable(),
          why: z.string(),
          /** The line of the config file that asks for it, as `FILE:LINE`; null where none does. */
          source: z.string().nullable(),
        })
        .optional(),
    }),
    errors: ["helper_unavailable", "missing_tool", "command_failed"],
    traced: false,
  }),
};
