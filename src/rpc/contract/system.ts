import { z } from "zod";
import { name, vmId } from "./fields.ts";
import { finding } from "./finding.ts";
import { method } from "./method.ts";

/** The methods on the installation as a whole. */
export const systemContract = {
  systemDoctor: method({
    name: "system.doctor",
    summary: "Looks at everything that VMs need of this host, and says what to do about what is wrong.",
    params: z.object({
      fix: z.boolean().default(false).describe("put right what can be without a risk, and say what was done"),
    }),
    result: z.object({
      /** Each check, with what it found; nothing when all is well. */
      checks: z.array(
        z.object({
          name: z.string(),
          findings: z.array(finding),
          /** What is so, whether anything is wrong or not. */
          says: z.string().optional(),
        }),
      ),
      /** What was put right, a line each. */
      done: z.array(z.string()),
    }),
    errors: [],
  }),
  systemReconcile: method({
    name: "system.reconcile",
    summary:
      "Compares the records of VMs, images and kernels with what runs, is held and lies on this host, and makes both true; network and volumes are `doctor`'s.",
    params: z.object({
      dry_run: z.boolean().default(false).describe("say what would be done, and do nothing"),
      remove_unowned: z
        .boolean()
        .default(false)
        .describe(
          "end and remove also what no record owns: VMs that run, disks, images and kernels, with all that they hold",
        ),
    }),
    result: z.object({
      /** Each thing that isn't as it should be; nothing when all is well. What isn't banger's is never among them. */
      items: z.array(
        z.object({
          /** The VM that it is about, or that it once was of; absent for what is no VM's. */
          vm_id: vmId.optional(),
          /** Absent when no VM has the id any more. */
          name: name.optional(),
          /** Of what is no VM's. */
          path: z.string().optional(),
          /** `record`, `directory`, `root disk`, `scratch`, `image`, `kernel`, or what the host holds: `vmm`, `tap`, `uid`, `exit`, `run directory`. */
          found: z.array(z.string()),
          /** `end`: its VMM is dead; it is over, or started again where its guest rebooted. `none`: it can't be put right here. */
          action: z.enum(["adopt", "end", "remove", "go_on_stopping", "none"]),
          why: z.string(),
          /** True of what no record owns, and what may be the only copy of something: it stays unless `remove_unowned`. */
          unowned: z.boolean().optional(),
          /** What came of it; absent in a dry run. `changed`: somebody else was quicker. */
          outcome: z
            .enum(["adopted", "unreachable", "ended", "rebooting", "removed", "stopped", "stopping", "left", "changed"])
            .optional(),
          /** Why it could not be done. */
          error: z.string().optional(),
        }),
      ),
    }),
    errors: ["helper_unavailable", "command_failed"],
  }),
};
