import { BangerError } from "../../rpc/contract/errors.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import { vmDefaults } from "../../rpc/contract/vm-defaults.ts";
import type { vmmContract } from "../../rpc/contract/vmm.ts";
import { placeOf } from "../config/config-place.ts";
import type { ReadConfig, UserConfig } from "../config/user-config.ts";
import { isUnfit, type Unfit, type VmmChooser } from "./vmm-choice.ts";

/** What finding it needs. */
export interface DefaultVmmDeps {
  readonly chooser: Pick<VmmChooser, "choose">;
  readonly config: Pick<UserConfig, "read">;
}

type DefaultVmm = NonNullable<ResultOf<(typeof vmmContract)["vmmList"]>["default"]>;

/** What runs a VM for which nothing is named, by the config file's defaults; undefined where no VM is made, as the file can't be taken at its word. */
export async function defaultVmm({ chooser, config }: DefaultVmmDeps): Promise<DefaultVmm | undefined> {
  const read = readable(config);
  if (read === undefined) return undefined;
  const { vmm, accel, cpus, disk_kind: diskKind } = { ...vmDefaults, ...read.values.defaults };
  const choice = await chooser.choose({ vmm, accel, cpus, diskKind });
  if (!isUnfit(choice)) return { kind: choice.kind, why: choice.why, source: placeOf(read, "vmm") ?? null };
  return { kind: null, why: choice.reason, source: blamedLine(read, choice)?.line ?? null };
}

/** The line of the config file that asks for what can't be had, and its key; undefined where all that hangs on was given. */
export function blamedLine(
  config: ReadConfig,
  { field }: Unfit,
  given: { readonly [F in Unfit["field"]]?: unknown } = {},
): { readonly line: string; readonly key: Unfit["field"] } | undefined {
  for (const key of [field, "vmm"] as const) {
    const line = given[key] === undefined ? placeOf(config, key) : undefined;
    if (line !== undefined) return { line, key };
  }
  return undefined;
}

function readable(config: Pick<UserConfig, "read">): ReadConfig | undefined {
  try {
    return config.read();
  } catch (error) {
    if (error instanceof BangerError && error.code === "bad_config") return undefined;
    throw error;
  }
}
