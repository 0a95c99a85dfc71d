import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Vmm, vmmContract } from "../../rpc/contract/vmm.ts";
import { type DefaultVmmDeps, defaultVmm } from "./default-vmm.ts";
import { isUnfit, type VmmChooser } from "./vmm-choice.ts";
import type { SeenVmm, VmmProbes } from "./vmm-probes.ts";
import { isTooOld, leastVersions } from "./vmm-versions.ts";

/** What listing VMMs needs. */
export interface VmmListDeps extends DefaultVmmDeps {
  readonly probes: Pick<VmmProbes, "ask">;
}

/** The VMMs of this host as they are now, which of them `auto` takes, and which a VM gets for which nothing is named. */
export async function listVmms(deps: VmmListDeps): Promise<ResultOf<(typeof vmmContract)["vmmList"]>> {
  const vmms = (await deps.probes.ask()).map(shown);
  return { vmms, auto: await autoChoice(deps.chooser), default: await defaultVmm(deps) };
}

/** What runs a VM of which nothing is asked that a VMM hangs on. */
export async function autoChoice(chooser: Pick<VmmChooser, "choose">) {
  const choice = await chooser.choose({ vmm: "auto", accel: "auto", cpus: 1, diskKind: "auto" });
  if (isUnfit(choice)) throw new Error(`auto finds no VMM: ${choice.reason}`);
  return { kind: choice.kind, why: choice.why };
}

function shown({ kind, jailer, ...program }: SeenVmm): Vmm {
  const [least, isOld] = [leastVersions[kind], isTooOld(kind, program.version)];
  const tooOld = { usable: false, why: `version ${program.version} is too old: banger needs ${least}` };
  return {
    kind,
    ...programOf(program),
    ...(isOld ? tooOld : {}),
    least_version: least,
    too_old: isOld,
    jailer: jailer === undefined ? null : programOf(jailer),
  };
}

function programOf({ path, version, usable, why }: Omit<SeenVmm, "kind" | "jailer">) {
  return { path, version: version ?? null, usable, why };
}
