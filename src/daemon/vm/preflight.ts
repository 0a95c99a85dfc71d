import { networkInterfaces } from "node:os";
import type { Layout } from "../../installation/layout.ts";
import { BangerError, errorTable } from "../../rpc/contract/errors.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { Capability, HostSeen } from "../capability/capability.ts";
import { networkFindings } from "../doctor/network-findings.ts";
import { unfitFinding, vmmFindings } from "../vmm/vmm-findings.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import { type ChosenVmm, isUnfit, type VmmChooser } from "../vmm/vmm-choice.ts";
import type { Admission } from "./admission.ts";
import { missingFiles } from "./vm-files.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";
import { wishOf } from "./wished-vmm.ts";

/** What looking at a host before a start needs. */
export interface PreflightDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly layout: Pick<Layout, "vm" | "image" | "kernel">;
  readonly capabilities: readonly Capability[];
  readonly admission: Admission;
  readonly records: Pick<VmRecords, "mustHaveRoom">;
  readonly chooser: Pick<VmmChooser, "choose">;
  /** The bridge's name and address. */
  readonly bridge: string;
  readonly address: string;
}

/** Refuses a start that can't come to anything, with everything that is missing; it makes and records nothing. Of memory or space alone that is missing it answers the refusal, which says it best in its own words; else what is to run the VM. */
export type Preflight = (
  vm: StoredVm,
  options: PreflightOptions,
  signal: AbortSignal,
) => Promise<BangerError | ChosenVmm>;

/** What a start does without. */
interface PreflightOptions {
  /** Memory that the host has too little of. */
  readonly overcommit: boolean;
  /** Space: it ran until now. */
  readonly again?: boolean | undefined;
}

/** Asks root what a VMM needs and who has the subnet, and whether there is memory and space, and each capability. */
export function createPreflight(deps: PreflightDeps): Preflight {
  const { capabilities, admission, records, layout } = deps;
  return async (before, { overcommit, again = false }, signal) => {
    const choice = await deps.chooser.choose(wishOf(before));
    const vm = { ...before, vmm: isUnfit(choice) ? before.vmm : choice.kind };
    const found = lookAtHost(deps, signal).then(async (seen) => [
      ...hostLacks(deps, seen, vm),
      ...(
        await Promise.all(capabilities.map(async ({ startPreflight }) => startPreflight?.(vm, seen, signal) ?? []))
      ).flat(),
    ]);
    const refusals = await Promise.all([
      refusalOf(async () => admission.admit(vm, overcommit)),
      refusalOf(async () => (again ? undefined : records.mustHaveRoom())),
    ]);
    const refused = refusals.filter((refusal) => refusal !== undefined);
    const unfit = isUnfit(choice) ? [unfitFinding(vm, choice)] : [];
    const missing = [...unfit, ...missingFiles(layout, vm), ...(await found)].filter(({ level }) => level === "error");
    const [refusal, ...more] = refused;
    if (missing.length > 0 || more.length > 0 || isUnfit(choice))
      throw notReady(vm, [...missing, ...refused.map(asFinding)]);
    return refusal ?? choice;
  };
}

async function refusalOf(look: () => Promise<void>): Promise<BangerError | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    if (error instanceof BangerError) return error;
    throw error;
  }
}

function asFinding({ code, plain, details }: BangerError): Finding {
  const own = details?.["hint"];
  return { code, level: "error", message: plain, hint: typeof own === "string" ? own : errorTable[code].hint };
}

/** Who has the subnet is looked for where there is no bridge with a guest on it: that costs more than all the rest. */
async function lookAtHost({ helper, bridge }: PreflightDeps, signal: AbortSignal): Promise<HostSeen> {
  try {
    const isUp = networkInterfaces()[bridge] !== undefined;
    // What others drop keeps no VM from its start, which looks for it itself.
    return await helper.call(helperContract.hostLook, isUp ? {} : { network: true, drops: false }, { signal });
  } catch (error) {
    // A helper that is older than the daemon looks at nothing beforehand.
    if (error instanceof BangerError && error.code === "unknown_method") return undefined;
    throw error;
  }
}

function hostLacks({ address }: PreflightDeps, seen: HostSeen, { vmm }: Pick<StoredVm, "vmm">): Finding[] {
  if (seen === undefined) return [];
  const ofNetwork = seen.network === undefined ? [] : networkFindings(seen.network, address, false);
  // A bridge that isn't as it was made is put right by the start itself.
  return [...vmmFindings(seen, vmm), ...ofNetwork.filter(({ code }) => keepsFromStarting.has(code))];
}

const keepsFromStarting: ReadonlySet<string> = new Set(["bridge_foreign", "subnet_in_use"]);

function notReady({ name }: StoredVm, missing: readonly Finding[]): BangerError {
  return new BangerError("not_ready", `vm ${name} can't start: ${missing.map(({ message }) => message).join("; ")}`, {
    details: { findings: missing, hint: missing.map(({ hint }) => hint).join(" ") },
  });
}
