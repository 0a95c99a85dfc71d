import { attribute } from "../../../telemetry/names.ts";
import type { Vm } from "../../../rpc/contract/vm.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import type { Made, Part } from "../parts/part.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";

/** What taking a VM's parts away needs. */
export interface ReleaseDeps {
  readonly records: VmRecords;
  readonly parts: readonly Part[];
  readonly steps: StepRunner;
}

/** How a VM ends up. */
export interface Ending {
  readonly state: "created" | "stopped" | "failed";
  readonly error: Vm["error"];
  readonly exit: Vm["exit"];
}

/** The mutations that end a VM, for messages. */
export type EndingOperation = "vm.stop" | "vm.kill" | "vm.delete" | "vm.exited" | "vm.reboot" | "vm.reconcile";

/** Takes away all that a VM holds on the host, then says so in its record. What can't be taken away leaves it `stopping`. */
export async function endVm(
  deps: ReleaseDeps,
  operation: EndingOperation,
  vm: StoredVm,
  ending: Ending,
  context: Pick<OperationContext, "emit" | "about">,
): Promise<StoredVm> {
  await releaseParts(deps, operation, vm, context);
  return deps.records.update(vm.id, { ...ending, pid: null, started_at: null });
}

/** Releases every part in reverse, whichever of them fail; fails in the end if one did. Whoever asked may go away meanwhile. */
export async function releaseParts(
  { parts, steps }: ReleaseDeps,
  operation: EndingOperation,
  made: Made & { readonly name?: string },
  context: Pick<OperationContext, "emit" | "about">,
): Promise<void> {
  await steps.run({
    operation,
    subject: made,
    context: { ...context, signal: new AbortController().signal },
    attributes: { [attribute.vmId]: made.id, ...(made.name === undefined ? {} : { [attribute.vmName]: made.name }) },
    steps: parts.toReversed().flatMap(releaseStep),
    goOn: true,
  });
}

function releaseStep({ name, on, release }: Part): Step<Made>[] {
  if (typeof release !== "function") return [];
  const acted = on === undefined ? {} : { on: ({ id }: Made) => on(id) };
  return [{ name: `release_${name}`, ...acted, do: release, undo: { none: "its end is what was asked for" } }];
}
