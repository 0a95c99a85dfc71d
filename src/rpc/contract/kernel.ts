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
  /** True for the one that a VM is made of when none is named. */
  default: z.boolean().optional(),
  /** True where its files are gone or cut off, and its record is not. */
  missing: z.boolean().optional(),
});

/** A kernel as the wire has it. */
export type Kernel = z.output<typeof kernel>;

const asDefault = z.boolean().optional().describe("take it from now on where none is named");
const one = z.object({ kernel: reference.describe("name, id or a unique prefix") });

/** The methods on kernels. */
export const kernelContract = {
  kernelImport: method({
    name: "kernel.import",
    summary: "Takes a Debian kernel package (or a kernel and its modules) and makes the initrd for it.",
    params: z.object({
      source: z
        .union([path, z.string().regex(/^[a-z0-9][a-z0-9.+-]{1,100}$/)])
        .describe("a .deb, a kernel file, or the name of a Debian package to download"),
      modules: path
        .optional()
        .describe(
          "the directory with the modules of a kernel file (lib/modules/<release>); none where its drivers are built in",
        ),
      name: name.optional().describe("what to call it; its release by default"),
      default: asDefault,
    }),
    result: kernel,
    errors: ["already_exists", "not_found", "bad_content", "missing_tool", "command_failed", "no_space"],
    begins: true,
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
  kernelDefault: method({
    name: "kernel.default",
    summary: "Makes a kernel the one that a VM is made of when none is named.",
    params: one,
    result: kernel,
    errors: ["not_found", "ambiguous", "no_space"],
  }),
  kernelRemove: method({
    name: "kernel.remove",
    summary: "Removes a kernel that no VM uses.",
    params: one,
    result: z.object({ id: digest, name }),
    errors: ["not_found", "ambiguous", "in_use"],
  }),
};
