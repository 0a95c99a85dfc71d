import { z } from "zod";
import { digest, name, path, reference, timestamp } from "./fields.ts";
import { method } from "./method.ts";

/** A kernel that VMs boot. */
const kernel = z.object({
  id: digest,
  name,
  /** The release, as `uname -r` says it in the guest. */
  release: z.string(),
  /** Bytes of kernel and initrd. */
  size: z.int(),
  /** The least memory with which a guest comes up, MiB; null when its files don't tell. */
  least_memory_mib: z.int().nullable().optional(),
  created_at: timestamp,
});

/** A kernel as the wire has it. */
export type Kernel = z.output<typeof kernel>;

const one = z.object({ kernel: reference.describe("name, id or a unique prefix") });

/** The methods on kernels. */
export const kernelContract = {
  kernelImport: method({
    name: "kernel.import",
    summary: "Takes a Debian kernel package (or a kernel and its modules) and makes the initrd for it.",
    params: z.object({
      source: z
        .union([path, z.string().regex(/^linux-image-[a-z0-9.+-]{1,100}$/)])
        .describe("a .deb, a kernel file, or the name of a Debian package to download"),
      modules: path.optional().describe("the directory with the modules of a kernel file (lib/modules/<release>)"),
      name: name.optional().describe("what to call it; its release by default"),
    }),
    result: kernel,
    errors: ["already_exists", "not_found", "bad_content", "missing_tool", "command_failed", "no_space"],
  }),
  kernelList: method({
    name: "kernel.list",
    summary: "Lists the kernels.",
    params: z.object({}),
    result: z.object({ kernels: z.array(kernel) }),
    errors: [],
    traced: false,
  }),
  kernelShow: method({
    name: "kernel.show",
    summary: "Shows one kernel.",
    params: one,
    result: kernel.extend({ used_by: z.array(z.string()) }),
    errors: ["not_found", "ambiguous"],
    traced: false,
  }),
  kernelRemove: method({
    name: "kernel.remove",
    summary: "Removes a kernel that no VM uses.",
    params: one,
    result: z.object({ id: digest, name }),
    errors: ["not_found", "ambiguous", "in_use"],
  }),
};
