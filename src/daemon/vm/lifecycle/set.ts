import { attribute } from "../../../telemetry/names.ts";
import type { Capability } from "../../capability/capability.ts";
import { unfitFinding } from "../../vmm/vmm-findings.ts";
import type { KernelService } from "../../kernel/kernel-service.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { Step } from "../../step/step-runner.ts";
import {
  type ChosenVmm,
  isUnfit,
  mostCpus,
  mustFit,
  tooManyCpus,
  type Unfit,
  type VmmChooser,
  type Wished,
} from "../../vmm/vmm-choice.ts";
import { mustBootWith } from "../admission.ts";
import { asItRuns } from "../as-it-runs.ts";
import { activeStates } from "../state.ts";
import type { StoredVm, VmChange } from "../vm-records.ts";
import { wishOf } from "../wished-vmm.ts";
import { growDiskSteps, type GrowDiskDeps } from "./grow-disk.ts";
import { type SetVolumesDeps, setVolumesSteps, type VolumeChange } from "./set-volumes.ts";

/** What changing a VM needs. */
export interface SetDeps extends GrowDiskDeps, SetVolumesDeps {
  readonly capabilities: readonly Capability[];
  readonly kernels: Pick<KernelService, "find">;
  readonly chooser: Pick<VmmChooser, "choose">;
}

type Settable =
  | "cpus"
  | "memory_mib"
  | "disk_mib"
  | "network"
  | "labels"
  | "ttl_s"
  | "idle_s"
  | "autostart"
  | "on_reboot"
  | "vmm_wanted"
  | "accel_wanted";

/** What a VM is to have; what isn't named stays as it is. */
export type Wanted = { readonly [F in Settable]?: StoredVm[F] | undefined };

type Change = Pick<VmChange, Settable | "vmm" | "vmm_why" | "accel" | "accel_why">;

/** What a VM that runs keeps until it is started again, unless a capability makes the change so. */
const keptWhileItRuns = ["cpus", "memory_mib", "network"] as const;

/**
 * Changes what a VM has: at once where that can be, else from its next start on (`waits`). When a step fails the record is as it
 * was, but a disk stays as large as it became. The caller holds the VM's lock.
 */
export async function setVm(
  deps: SetDeps,
  vm: StoredVm,
  wanted: Wanted,
  volumes: VolumeChange,
  context: OperationContext,
): Promise<StoredVm & { readonly unchanged?: boolean }> {
  const asked = differences(vm, wanted);
  const change: Change = { ...asked, ...(await vmmFor(deps, vm, asked)) };
  const volumeSteps = setVolumesSteps(deps, vm, volumes);
  if (Object.keys(change).length === 0 && volumeSteps.length === 0) return { ...vm, unchanged: true };
  if (change.memory_mib !== undefined) mustBootWith(change.memory_mib, deps.kernels.find(vm.kernel.id));
  // What of volumes was changed before the record, nobody could tell.
  const before = volumeSteps.length === 0 ? "undone" : null;
  if (before !== null) context.wouldBeFound?.(before);
  await deps.steps.run({
    operation: "vm.set",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      ...(change.disk_mib === undefined ? [] : growDiskSteps(deps, vm, change.disk_mib)),
      ...volumeSteps,
      recordStep(deps, vm, change, (isDone) => context.wouldBeFound?.(isDone ? "finished" : before)),
      ...deps.capabilities.flatMap((capability) => applyStep(deps, capability)),
    ],
  });
  return deps.records.must(vm.id);
}

/** Makes what waits so, where that can be: a daemon that ended between making it so and saying it left a record that says otherwise. The caller holds the VM's lock. */
export async function finishChanges(deps: SetDeps, vm: StoredVm, context: OperationContext): Promise<void> {
  await deps.steps.run({
    operation: "vm.set",
    subject: vm,
    context,
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: deps.capabilities.flatMap((capability) => applyStep(deps, capability)),
  });
}

/** Of a change that says so, what runs the VM from now on: at its next start that is chosen again. One that is active keeps what it has. */
async function vmmFor({ chooser }: SetDeps, vm: StoredVm, asked: Change): Promise<Change> {
  const { vmm_wanted, accel_wanted, cpus } = asked;
  const isAsked = vmm_wanted !== undefined || accel_wanted !== undefined;
  if (!isAsked && cpus === undefined) return {};
  const wished = wishOf({ ...vm, ...asked });
  const tooMany = wished.vmm === "firecracker" && !isAsked ? tooManyCpus(wished) : undefined;
  const choice = tooMany ?? (await chooser.choose(wished));
  // What it was made for isn't to be had now, which its start tells: no number of CPUs changes that.
  if (!isAsked && tooMany === undefined && isUnfit(choice)) return {};
  const { kind, why, accelerator } = mustFit(choice, (unfit) => whatThen(vm, unfit, wished), blamed(choice, asked));
  if (activeStates.has(vm.state) || (kind === vm.vmm && !isAsked)) return {};
  return { vmm: kind, vmm_why: why, accel: accelerator?.kind ?? null, accel_why: accelerator?.why ?? null };
}

/** Of what was given, that for which a change can't be: `vm set` has no flag for a kernel or a disk's kind. */
function blamed(choice: ChosenVmm | Unfit, { vmm_wanted: vmm, accel_wanted: accel, cpus }: Change): Unfit["field"] {
  const given = Object.entries({ vmm, accel, cpus }).flatMap(([field, value]) =>
    value === undefined ? [] : [field as "vmm" | "accel" | "cpus"],
  );
  return given.find((field) => isUnfit(choice) && field === choice.field) ?? given[0] ?? "vmm";
}

/** What can be done where a VM can't have what was asked for: kernel and kind of disk are what it was made with. */
function whatThen(vm: StoredVm, unfit: Unfit, { vmm, diskKind }: Wished): string {
  const made = "`banger vm create --vmm firecracker …` makes another VM, for it.";
  if (unfit.field === "kernel") return `A VM's kernel stays: ${made}`;
  if (unfit.field === "disk_kind") return `The kind of a VM's root disk stays: ${made}`;
  if (unfit.field === "cpus" && vmm === "firecracker") {
    return `\`banger vm set ${vm.name} --cpus ${mostCpus} --vmm firecracker\` has it run with as many.`;
  }
  const { hint } = unfitFinding(vm, unfit);
  if (vmm !== "firecracker" || diskKind !== "qcow2") return hint;
  return `${hint} Its root disk stays a qcow2, which Firecracker doesn't read: ${made}`;
}

/** Of what is wanted, what is otherwise now. */
function differences(vm: StoredVm, wanted: Wanted): Change {
  const isOther = ([field, value]: [string, unknown]) =>
    value !== undefined && JSON.stringify(value) !== JSON.stringify(vm[field as Settable]);
  return Object.fromEntries(Object.entries(wanted).filter(isOther));
}

function recordStep(
  { records }: SetDeps,
  vm: StoredVm,
  change: Change,
  tell: (isDone: boolean) => void,
): Step<StoredVm> {
  const before = Object.fromEntries(Object.keys(change).map((field) => [field, vm[field as keyof Change]]));
  return {
    name: "record",
    do: async () => {
      const running = asItRuns(vm);
      const after = { ...vm, ...change };
      const waits = keptWhileItRuns.filter((field) => vm.state === "running" && after[field] !== running[field]);
      records.write(() => {
        records.update(vm.id, { ...change, waits: Object.fromEntries(waits.map((field) => [field, running[field]])) });
        tell(true);
      });
    },
    // A larger disk stays, and is found larger than the record says: harmless.
    undo: async () =>
      records.write(() => {
        records.update(vm.id, { ...before, waits: vm.waits });
        tell(false);
      }),
  };
}

/** A capability makes a change so, which then waits no more; undone, it makes it as it was. */
function applyStep({ records }: SetDeps, { name, applyConfigChange }: Capability): Step<StoredVm>[] {
  if (applyConfigChange === undefined) return [];
  return [
    {
      name: `apply_${name}`,
      do: async (before, signal) => {
        const after = records.must(before.id);
        const { applied } = await applyConfigChange(asItRuns(before), after, signal);
        if (applied.length === 0) return;
        const waits = Object.entries(after.waits).filter(([field]) => !(applied as readonly string[]).includes(field));
        records.update(before.id, { waits: Object.fromEntries(waits) });
      },
      undo: async (before) => {
        await applyConfigChange(records.must(before.id), asItRuns(before), new AbortController().signal);
      },
    },
  ];
}
