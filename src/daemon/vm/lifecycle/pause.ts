import { BangerError } from "../../../rpc/contract/errors.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { Step, StepRunner } from "../../step/step-runner.ts";
import { stuck } from "../../vmm/driver.ts";
import type { RunningVm, RunningVms } from "../running.ts";
import type { StoredVm } from "../vm-records.ts";

/** What pausing and resuming need. */
export interface PauseDeps {
  readonly running: RunningVms;
  readonly steps: StepRunner;
}

/** A guest that goes on has this long to answer and to have its clock set. */
const clockDeadlineMs = 5_000;
const onPurpose = { none: "what was asked for stays so; the other of pause and resume takes it back" };

/** Halts a VM's guest; its VMM remembers, whatever becomes of the daemon. The caller holds the VM's lock. */
export async function pauseVm(deps: PauseDeps, vm: StoredVm, context: OperationContext): Promise<StoredVm> {
  const { vmm } = await reached(deps, vm, context);
  mustNotBeStuck(vm, vmm, "can't be paused: it goes on when that can be written");
  return take(deps, "vm.pause", vm, context, [
    { name: "pause", do: (_, signal) => vmm.pause(signal), undo: onPurpose },
  ]);
}

/** Lets a VM's guest go on, and sets its clock. The caller holds the VM's lock. */
export async function resumeVm(deps: PauseDeps, vm: StoredVm, context: OperationContext): Promise<StoredVm> {
  const { vmm, agent } = await reached(deps, vm, context);
  mustNotBeStuck(vm, vmm, "can't be resumed before that can be written; then it goes on");
  return take(deps, "vm.resume", vm, context, [
    { name: "resume", do: (_, signal) => vmm.boot(signal), undo: onPurpose },
    {
      name: "clock",
      do: async (_, signal) => {
        try {
          await agent.setClock(signal, clockDeadlineMs);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof BangerError)) throw error;
          await context.emit("progress", { text: `it goes on, and its clock is set when its agent answers` });
        }
      },
      undo: { none: "it is right" },
    },
  ]);
}

async function take(
  { steps }: PauseDeps,
  operation: "vm.pause" | "vm.resume",
  vm: StoredVm,
  context: OperationContext,
  list: readonly Step<StoredVm>[],
): Promise<StoredVm> {
  const attributes = { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name };
  await steps.run({ operation, subject: vm, context, attributes, steps: list });
  return vm;
}

async function reached({ running }: PauseDeps, vm: StoredVm, { signal }: OperationContext): Promise<RunningVm> {
  await running.found(vm, signal);
  const { id, name } = vm;
  const handle = running.get(id);
  if (handle !== undefined) return handle;
  throw new BangerError("guest_died", `vm ${name} runs, but its VMM can't be reached; it is being asked again`);
}

function mustNotBeStuck({ name }: StoredVm, { condition }: RunningVm["vmm"], what: string): void {
  if (!stuck.has(condition)) return;
  const [code, why] =
    condition === "no_space"
      ? (["no_space", "the host's disk is full"] as const)
      : (["host_failed", "its disk can't be written"] as const);
  throw new BangerError(code, `vm ${name} stands still, as ${why}, and ${what}`);
}
