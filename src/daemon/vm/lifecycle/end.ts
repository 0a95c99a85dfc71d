import { rmSync } from "node:fs";
import type { Layout } from "../../../installation/layout.ts";
import type { Vm } from "../../../rpc/contract/vm.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { OperationContext, Step, StepRunner } from "../../step/step-runner.ts";
import type { Release } from "../release.ts";
import type { RunningVms } from "../running.ts";
import type { VmRecords } from "../vm-records.ts";

/** What ending a VM needs. */
export interface EndDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly release: Release;
  readonly steps: StepRunner;
}

/** How a VM ends up. */
export type Ending = { readonly state: "stopped" | "failed"; readonly error: Vm["error"] };

/** The mutations that end a VM, for messages. */
type EndingOperation = "vm.stop" | "vm.kill" | "vm.delete" | "vm.exited" | "vm.start";

/** Takes everything away that a running VM holds on the host. Each step only makes sure that something is gone. */
export async function endVm(
  deps: EndDeps,
  operation: EndingOperation,
  vm: Vm,
  ending: Ending,
  context: OperationContext,
  first: readonly Step<Vm>[] = [],
): Promise<Vm> {
  const gone = { none: "its end is what was asked for; the next try or start-up goes on from here" };
  await deps.steps.run({
    operation,
    subject: vm,
    // Whoever asked may go away: a VM is not left half ended.
    context: { emit: context.emit, signal: first.length === 0 ? new AbortController().signal : context.signal },
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      ...first,
      { name: "release_vmm", do: () => deps.release.vmm(vm), undo: gone },
      { name: "release_tap", do: () => deps.release.tap(vm), undo: gone },
      {
        name: "release_initrd",
        do: async () => rmSync(deps.layout.vm(vm.id).initrd, { force: true }),
        undo: gone,
      },
      {
        name: "record",
        do: async () =>
          void deps.records.update(vm.id, { state: ending.state, error: ending.error, pid: null, started_at: null }),
        undo: gone,
      },
    ],
  });
  return deps.records.must(vm.id);
}
