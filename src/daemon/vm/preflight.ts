import { BangerError } from "../../rpc/contract/errors.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { Capability } from "../capability/capability.ts";
import { vmmFindings } from "../doctor/vmm-findings.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { StoredVm } from "./vm-records.ts";

/** What looking at a host before a start needs. */
export interface PreflightDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly capabilities: readonly Capability[];
}

/** Refuses a start that can't come to anything, with everything that is missing; it makes and records nothing. */
export type Preflight = (vm: StoredVm, signal: AbortSignal) => Promise<void>;

/** Asks root what a VMM needs, and each capability. */
export function createPreflight({ helper, capabilities }: PreflightDeps): Preflight {
  return async (vm, signal) => {
    const found = await Promise.all([
      vmmNeeds(helper, signal),
      ...capabilities.map(async ({ startPreflight }) => startPreflight?.(vm, signal) ?? []),
    ]);
    const missing = found.flat().filter(({ level }) => level === "error");
    if (missing.length > 0) throw notReady(vm, missing);
  };
}

async function vmmNeeds(helper: PreflightDeps["helper"], signal: AbortSignal): Promise<Finding[]> {
  try {
    return vmmFindings(await helper.call(helperContract.hostLook, {}, { signal }));
  } catch (error) {
    // A helper that is older than the daemon looks at nothing beforehand.
    if (error instanceof BangerError && error.code === "unknown_method") return [];
    throw error;
  }
}

function notReady({ name }: StoredVm, missing: readonly Finding[]): BangerError {
  return new BangerError("not_ready", `vm ${name} can't start: ${missing.map(({ message }) => message).join("; ")}`, {
    details: { findings: missing, hint: missing.map(({ hint }) => hint).join(" ") },
  });
}
