import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";

/** The groups that let a VMM's uid open /dev/kvm; an error where KVM can't be used. */
export async function kvmGroups({ kvm }: Pick<HelperDeps, "kvm">): Promise<readonly number[]> {
  const { usable, why, groups } = await kvm.probe();
  if (!usable) throw new BangerError("command_failed", `KVM can't be used: ${why}`);
  return groups;
}
