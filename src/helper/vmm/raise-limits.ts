import { readFileSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import { KernelError } from "../kernel/libc.ts";
import { fileBytesFor } from "./limits.ts";
import { vmmProcess } from "./vmm-process.ts";

const mib = 2 ** 20;

/**
 * Lets a VMM that runs write a root disk of so many MiB; never takes anything from it. A helper that may not raise limits
 * (without CAP_SYS_RESOURCE) says whether those that it was started with are enough.
 */
export function raiseLimits(
  deps: HelperDeps,
  { vm_id: vmId, generation, disk_mib: diskMib }: ParamsOf<typeof helperContract.vmmLimits>,
): { file_bytes: number } {
  const known = deps.facts.vm(vmId);
  const vmm = known === undefined ? undefined : vmmProcess(deps, known);
  if (vmm === undefined) throw new BangerError("not_found", `VM ${vmId} has no VMM that runs`);
  if (known?.vmm?.generation !== generation) {
    throw new BangerError("wrong_state", `VM ${vmId} runs generation ${known?.vmm?.generation}, not ${generation}`);
  }
  const wanted = fileBytesFor(diskMib * mib);
  try {
    return { file_bytes: deps.libc.raiseFileLimit(vmm.pid, wanted) };
  } catch (cause) {
    if (!(cause instanceof KernelError) || cause.code !== "EPERM") throw cause;
    const limit = fileLimitOf(vmm.pid);
    if (limit >= wanted) return { file_bytes: limit };
    throw new BangerError(
      "wrong_state",
      `while VM ${vmId} runs its disk may have twice the size that it was started with; stop it, and it may have any`,
      { cause, details: { hint: "`vm stop` it, `vm set` it and start it again." } },
    );
  }
}

/** How long a file a process may write, as it is shown to everybody (proc(5)). */
function fileLimitOf(pid: number): number {
  const soft = /^Max file size +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];
  return soft === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(soft ?? 0);
}
