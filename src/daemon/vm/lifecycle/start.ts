import { BangerError } from "../../../rpc/contract/errors.ts";
import type { Warning } from "../../../rpc/contract/warning.ts";
import { attribute } from "../../../telemetry/names.ts";
import { activeIds } from "../../../telemetry/spans.ts";
import type { HostNetwork } from "../../network/host-network.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import type { ChosenVmm } from "../../vmm/vmm-choice.ts";
import { lostHostKey, type LostHostKeyDeps } from "./lost-host-key.ts";
import { moreCpus } from "../more-cpus.ts";
import type { Admission } from "../admission.ts";
import type { Preflight } from "../preflight.ts";
import type { Part, Starting } from "../parts/part.ts";
import type { RunningVms } from "../running.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";

/** What starting a VM needs. */
export interface StartDeps extends LostHostKeyDeps {
  readonly records: VmRecords;
  readonly parts: readonly Part[];
  readonly network: Pick<HostNetwork, "bringUp">;
  readonly steps: StepRunner;
  readonly admission: Admission;
  readonly preflight: Preflight;
  readonly running: Pick<RunningVms, "warn">;
  /** Which run of the host this is. */
  readonly bootId: string;
}

/** How a VM is to be started. */
export interface StartOptions {
  readonly overcommit: boolean;
  /** It ran until now, and goes on. */
  readonly again?: boolean;
  /** Gets what will trouble its guest. */
  readonly warnings: Warning[];
}

/** Boots a VM; returns when a command runs in its root file system. The caller holds the VM's lock. */
export async function startVm(
  deps: StartDeps,
  before: StoredVm,
  { overcommit, again, warnings }: StartOptions,
  context: OperationContext,
): Promise<StoredVm> {
  const { records } = deps;
  const attributes = { [attribute.vmId]: before.id, [attribute.vmName]: before.name };
  let answer: BangerError | ChosenVmm | undefined;
  const preflight: Step<StoredVm> = {
    name: "preflight",
    do: async (vm, signal) => void (answer = await deps.preflight(vm, { overcommit, again }, signal)),
    undo: { none: "it only looks" },
  };
  await deps.steps.run({ operation: "vm.start", subject: before, context, attributes, steps: [preflight] });
  const chosen = mustBeChosen(answer);
  // Nothing is awaited between these two: of two starts at once the second one sees the first.
  deps.admission.admit({ ...before, vmm: chosen.kind }, overcommit);
  warnings.push(...moreCpus(before));
  const vm = records.update(before.id, {
    state: "starting",
    generation: before.generation + 1,
    vmm: chosen.kind,
    vmm_why: chosen.why,
    boot_id: deps.bootId,
    started_by: activeIds()?.traceparent ?? null,
    stop_by: null,
    exit: null,
    waits: {},
    error: null,
    stopped_for: null,
  });
  const warn = (warning: Warning) => {
    warnings.push(warning);
    deps.running.warn(vm, warning);
  };
  await deps.steps.run({
    operation: "vm.start",
    subject: { vm, accelerator: chosen.accelerator, launchedAt: new Date(), warn },
    context,
    attributes,
    steps: [...lostHostKey(deps, vm, warnings), ...startSteps(deps, vm, warnings)],
  });
  return records.must(vm.id);
}

function mustBeChosen(answer: BangerError | ChosenVmm | undefined): ChosenVmm {
  if (answer instanceof BangerError) throw answer;
  if (answer === undefined) throw new Error("a VM is started without a VMM");
  return answer;
}

/** The steps of a start: what all VMs share, then the VM's parts in order, then the record. */
function startSteps({ network, parts, records }: StartDeps, started: StoredVm, warnings: Warning[]): Step<Starting>[] {
  const wanted = parts.filter((part) => part.wanted?.(started) ?? true);
  return [
    ...network.bringUp(warnings),
    ...wanted.map(
      ({ name, on, acquire, release }): Step<Starting> => ({
        name,
        ...(on === undefined ? {} : { on: ({ vm }) => on(vm.id) }),
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
