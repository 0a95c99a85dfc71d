import type { DiskKind } from "../../rpc/contract/disk-kind.ts";
import { BangerError, type ErrorCode } from "../../rpc/contract/errors.ts";
import type { AccelWish, VmmKind, VmmWish } from "../../rpc/contract/vmm-kind.ts";
import { wasAskedFor } from "../../rpc/was-asked-for.ts";
import type { HelperLink } from "../helper/helper-link.ts";
import { probeAccelerator } from "./accelerator.ts";
import type { Accelerator } from "./driver.ts";
import { isTooOld, leastVersions } from "./vmm-versions.ts";
import type { SeenVmm, VmmProbes } from "./vmm-probes.ts";

/** What of a VM its VMM hangs on. */
export interface Wished {
  readonly vmm: VmmWish;
  readonly accel: AccelWish;
  readonly cpus: number;
  /** `auto` of a disk that is yet to be made. */
  readonly diskKind: DiskKind | "auto";
  /** Undefined where any kernel is meant. */
  readonly kernelId?: string;
}

/** Which VMM is to run a VM, and why that one. */
export interface ChosenVmm {
  readonly kind: VmmKind;
  readonly why: string;
  /** The kinds of root disk that it reads and that need not be asked for, the best first. */
  readonly disks: readonly DiskKind[];
  /** How it runs guests, where that was asked about already. */
  readonly accelerator?: Accelerator | undefined;
}

/** Why a wish can't be fulfilled. */
export interface Unfit {
  readonly code: ErrorCode;
  readonly field: "vmm" | "accel" | "disk_kind" | "cpus" | "kernel";
  readonly reason: string;
  /** What to ask for instead, of a VM that is yet to be made. */
  readonly instead: string;
}

/** What choosing needs. */
export interface VmmChooserDeps {
  readonly helper: Pick<HelperLink, "call">;
  readonly probes: VmmProbes;
  /** Why Firecracker can't boot a kernel; undefined where nothing speaks against it. */
  readonly kernelTrouble: (kernelId: string) => string | undefined;
}

/** The most CPUs that Firecracker gives a guest (its API, MachineConfiguration). */
export const mostCpus = 32;
const qemuDisks: readonly DiskKind[] = ["reflink", "qcow2"];
const firecrackerDisks: readonly DiskKind[] = ["reflink"];
/** Firecracker opens its disks by itself, and only in its jail there is a node of this one that its uid may open. */
const device = "dm-snapshot";
const withoutJailer: Unfit = {
  code: "host_failed",
  field: "disk_kind",
  reason: `Firecracker reads a disk of kind ${device} in its jail alone, and there is no jailer that can be used`,
  instead: "`--disk-kind` reflink or copy, or `--vmm qemu`",
};
const withoutQcow2: Unfit = {
  code: "bad_params",
  field: "disk_kind",
  reason: "Firecracker reads no disk of kind qcow2",
  instead: "`--disk-kind` reflink, dm-snapshot or copy, or `--vmm qemu`",
};
const withoutKvm: Unfit = {
  code: "bad_params",
  field: "accel",
  reason: "Firecracker runs guests with KVM alone, and tcg was asked for",
  instead: "`--accel auto`, or `--vmm qemu`",
};

/**
 * Chooses a VM's VMM: when it is made, since its disk has to be one that its VMM reads, and again at each start, since hosts change.
 * `auto` takes Firecracker where it can run this VM here, else QEMU; who names one has that one or none. Where there is no
 * Firecracker, and nothing but QEMU is meant, nobody is asked anything.
 */
export class VmmChooser {
  readonly #deps: VmmChooserDeps;

  constructor(deps: VmmChooserDeps) {
    this.#deps = deps;
  }

  async choose(wished: Wished): Promise<ChosenVmm | Unfit> {
    if (wished.vmm === "qemu") return this.#qemu(wished, wasAskedFor);
    const { unfit, accelerator, disks = [] } = await this.#firecracker(wished);
    if (unfit === undefined) return { kind: "firecracker", why: whyFirecracker(wished), disks, accelerator };
    return wished.vmm === "auto" ? this.#qemu(wished, unfit.reason, accelerator) : unfit;
  }

  /** Why Firecracker can't run it, if so, and what of this host was asked for that: of many reasons that which weighs most, the host's before the VM's. */
  async #firecracker(wished: Wished): Promise<Partial<Pick<ChosenVmm, "accelerator" | "disks">> & { unfit?: Unfit }> {
    const { helper, probes } = this.#deps;
    if (!probes.hasFirecracker()) return { unfit: isAbsent(probes.places) };
    const found = usableFirecracker(await probes.vmms().catch(isOlderHelper));
    if (typeof found === "string") return { unfit: unusable(found) };
    if (wished.accel === "tcg") return { unfit: withoutKvm };
    const accelerator = await probeAccelerator(helper);
    if (accelerator.kind !== "kvm") {
      return { unfit: unusable(`Firecracker needs KVM: ${accelerator.why}`), accelerator };
    }
    const disks: ChosenVmm["disks"] = found.jailer?.usable === true ? [...firecrackerDisks, device] : firecrackerDisks;
    const unfit = this.#cantBoot(wished) ?? cantRead(wished, disks) ?? tooManyCpus(wished);
    return unfit === undefined ? { disks, accelerator } : { unfit, accelerator };
  }

  #cantBoot({ kernelId }: Wished): Unfit | undefined {
    const trouble = kernelId === undefined ? undefined : this.#deps.kernelTrouble(kernelId);
    if (trouble === undefined) return undefined;
    const reason = `Firecracker can't boot this kernel: ${trouble}`;
    return {
      code: "bad_params",
      field: "kernel",
      reason,
      instead: "another `--kernel` (`banger kernel import` adds one), or `--vmm qemu`",
    };
  }

  async #qemu({ accel }: Wished, why: string, known?: Accelerator): Promise<ChosenVmm | Unfit> {
    const qemu = { kind: "qemu", why, disks: qemuDisks } as const;
    if (accel === "auto") return { ...qemu, accelerator: known };
    if (accel === "tcg") return { ...qemu, accelerator: { kind: "tcg", why: wasAskedFor } };
    const found = known ?? (await probeAccelerator(this.#deps.helper));
    if (found.kind === "kvm") return { ...qemu, accelerator: { kind: "kvm", why: wasAskedFor } };
    const reason = `this host runs no guest with KVM: ${found.why}`;
    return { code: "host_failed", field: "accel", reason, instead: "`--accel auto` or `--accel tcg`" };
  }
}

/** True for what can't be had. */
export function isUnfit(choice: ChosenVmm | Unfit): choice is Unfit {
  return "reason" in choice;
}

/** Refuses what a VM that is made, or changed, can't have; `hint` says what to do then, `field` which parameter is to blame. */
export function mustFit(
  choice: ChosenVmm | Unfit,
  hint = ({ instead }: Unfit) => `Ask for ${instead} instead.`,
  field?: Unfit["field"],
): ChosenVmm {
  if (!isUnfit(choice)) return choice;
  const blamed = field ?? choice.field;
  throw new BangerError(choice.code, `${blamed}: ${choice.reason}`, { details: { field: blamed, hint: hint(choice) } });
}

/** The Firecracker that the helper found, or what is the matter with it. */
function usableFirecracker(seen: readonly SeenVmm[] | "older"): SeenVmm | string {
  if (seen === "older") return "the helper is older than Firecracker's support: restart bangerd-root";
  const found = seen.find(({ kind }) => kind === "firecracker");
  if (found === undefined) return "the helper finds no Firecracker that it may run";
  const { path, version, usable, why } = found;
  if (isTooOld("firecracker", version)) {
    return `${path} is version ${version}, which is too old: banger needs ${leastVersions.firecracker}`;
  }
  return usable ? found : `${path} can't be used: ${why}`;
}

function cantRead({ diskKind }: Wished, disks: ChosenVmm["disks"]): Unfit | undefined {
  if (diskKind === "qcow2") return withoutQcow2;
  return diskKind === device && !disks.includes(device) ? withoutJailer : undefined;
}

/** Refuses more CPUs than Firecracker gives on any host. */
export function tooManyCpus({ cpus }: Pick<Wished, "cpus">): Unfit | undefined {
  if (cpus <= mostCpus) return undefined;
  const reason = `Firecracker gives a guest ${mostCpus} CPUs at most, not ${cpus}`;
  return { code: "bad_params", field: "cpus", reason, instead: `\`--cpus ${mostCpus}\`, or \`--vmm qemu\`` };
}

function isAbsent(places: readonly string[]): Unfit {
  const reason = `there is no Firecracker on this host (${places.join(", ")})`;
  return { ...unusable(reason), code: "missing_tool" };
}

function unusable(reason: string): Unfit {
  return { code: "host_failed", field: "vmm", reason, instead: "`--vmm auto` or `--vmm qemu`" };
}

function whyFirecracker({ vmm }: Wished): string {
  return vmm === "auto" ? "Firecracker and KVM can both be used here" : wasAskedFor;
}

function isOlderHelper(error: unknown): "older" {
  if (error instanceof BangerError && error.code === "unknown_method") return "older";
  throw error;
}
