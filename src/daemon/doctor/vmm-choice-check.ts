import type { Finding } from "../../rpc/contract/finding.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Vmm, vmmContract } from "../../rpc/contract/vmm.ts";
import { defaultVmmText } from "../../rpc/default-vmm-text.ts";
import type { Said, SayingCheck } from "../capability/capability.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import type { StoredVm } from "../vm/vm-records.ts";
import { wishOf } from "../vm/wished-vmm.ts";
import { isUnfit } from "../vmm/vmm-choice.ts";
import { listVmms, type VmmListDeps } from "../vmm/vmm-list.ts";
import { unfitFinding } from "../vmm/vmm-findings.ts";
import { withHelper } from "./with-helper.ts";

/** What looking at the choice between VMMs needs. */
export interface VmmChoiceDeps extends VmmListDeps {
  readonly helper: Pick<HelperLink, "mustAnswer">;
  /** The VMs as they are recorded, with what was asked for. */
  readonly records: () => readonly StoredVm[];
}

/** Which VMM a VM gets for which none is named, what keeps one from being used, and the VMs that can't have theirs. */
export function vmmChoiceCheck(deps: VmmChoiceDeps): SayingCheck {
  return { name: "vmm.choice", run: () => withHelper(deps.helper, () => look(deps), true) };
}

async function look(deps: VmmChoiceDeps): Promise<Said> {
  const listed = await listVmms(deps);
  const findings = [...listed.vmms.flatMap(vmmTroubles), ...unfitDefault(listed), ...(await unfitVms(deps))];
  return {
    findings,
    says: listed.default?.kind === null ? defaultVmmText({ auto: listed.auto }) : defaultVmmText(listed),
  };
}

/** That the config file asks for what isn't to be had here. */
function unfitDefault(listed: ResultOf<(typeof vmmContract)["vmmList"]>): Finding[] {
  if (listed.default?.kind !== null) return [];
  const hint = "Change that line, or name another with each create: `banger vm create --vmm auto --accel auto`.";
  return [{ code: "default_unfit", level: "error", message: defaultVmmText(listed), hint }];
}

/** What is the matter with a VMM that is there. */
function vmmTroubles({
  kind,
  path,
  version,
  least_version: least,
  too_old: isOld,
  usable,
  why,
  jailer,
}: Vmm): Finding[] {
  const warning = (code: string, message: string, hint: string): Finding => ({ code, level: "warning", message, hint });
  if (isOld) {
    const message = `${path} is version ${version}, which is too old: banger needs ${least}`;
    return [warning("vmm_too_old", message, `Install ${least} or newer in its place.`)];
  }
  if (!usable) return [warning("vmm_unusable", `${path} can't be used: ${why}`, "Put that right, or remove it.")];
  return kind === "qemu" ? [] : jailerTroubles({ path, version, jailer }).map((found) => warning(...found));
}

/** What is the matter with a Firecracker's jailer: code, message and hint. */
function jailerTroubles({
  path,
  version,
  jailer,
}: Pick<Vmm, "path" | "version" | "jailer">): [string, string, string][] {
  const hint = `Install the jailer of Firecracker ${version ?? "its version"}.`;
  if (jailer?.usable !== true) {
    const lack = jailer === null ? `there is no jailer beside ${path}` : `${jailer.path} can't be used: ${jailer.why}`;
    return [["no_jailer", `${lack}: VMs get the same limits by other means`, hint]];
  }
  if (jailer.version === version) return [];
  const differ = `${jailer.path} is version ${jailer.version}, and ${path} is ${version}: they are made for each other`;
  return [["jailer_differs", differ, hint]];
}

/** The VMs that wouldn't start, as what was asked for isn't to be had here. */
async function unfitVms({ chooser, records }: VmmChoiceDeps): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const vm of records()) {
    if (vm.vmm_wanted !== "firecracker" && vm.accel_wanted !== "kvm") continue;
    const choice = await chooser.choose(wishOf(vm));
    if (!isUnfit(choice)) continue;
    const { message, ...finding } = unfitFinding(vm, choice);
    findings.push({ ...finding, message: `vm ${vm.name} can't start: ${message}` });
  }
  return findings;
}
