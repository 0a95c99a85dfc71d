import type { Warning } from "../../../rpc/contract/warning.ts";
import { attribute } from "../../../telemetry/names.ts";
import { activeIds } from "../../../telemetry/spans.ts";
import type { HostNetwork } from "../../network/host-network.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import { moreCpus } from "../more-cpus.ts";
import type { Admission } from "../admission.ts";
import type { Preflight } from "../preflight.ts";
import type { Part, Starting } from "../parts/part.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";

/** What starting a VM needs. */
export interface StartDeps {
  readonly records: VmRecords;
  readonly parts: readonly Part[];
  readonly network: Pick<HostNetwork, "bringUp">;
  readonly steps: StepRunner;
  readonly admission: Admission;
  readonly preflight: Preflight;
  /** Which run of the host this is. */
  readonly bootId: string;
}

/** Boots a VM; returns when a command runs in its root file system. The caller holds the VM's lock. */
export async function startVm(
  deps: StartDeps,
  before: StoredVm,
  { overcommit, warnings }: { readonly overcommit: boolean; readonly warnings: Warning[] },
  context: OperationContext,
): Promise<StoredVm> {
  const { records } = deps;
  const attributes = { [attribute.vmId]: before.id, [attribute.vmName]: before.name };
  const preflight: Step<StoredVm> = {
    name: "preflight",
    do: deps.preflight,
    undo: { none: "it only looks" },
  };
  await deps.steps.run({ operation: "vm.start", subject: before, context, attributes, steps: [preflight] });
  // Nothing is awaited between these two: of two starts at once the second one sees the first.
  deps.admission.admit(before, overcommit);
  warnings.push(...moreCpus(before));
  const vm = records.update(before.id, {
    state: "starting",
    generation: before.generation + 1,
    boot_id: deps.bootId,
    started_by: activeIds()?.traceparent ?? null,
    stop_by: null,
    exit: null,
    error: null,
  });
  await deps.steps.run({
    operation: "vm.start",
    subject: { vm, launchedAt: new Date() },
    context,
    attributes,
    steps: startSteps(deps, warnings),
  });
  return records.must(vm.id);
}

/** The steps of a start: what all VMs share, then the VM's parts in order, then the record. */
function startSteps({ network, parts, records }: StartDeps, warnings: Warning[]): Step<Starting>[] {
  return [
    ...network.bringUp(warnings),
    ...parts.map(
      ({ name, acquire, release }): Step<Starting> => ({
        name,
        do: acquire,
        undo: typeof release === "function" ? ({ vm }) => release(vm) : release,
      }),
    ),
    {
      name: "record",
      do: async ({ vm, launchedAt }) =>
        void records.update(vm.id, { state: "running", started_at: launchedAt.toISOString() }),
      undo: async ({ vm }) => void records.update(vm.id, { state: "starting", started_at: null, pid: null }),
    },
  ];
}
