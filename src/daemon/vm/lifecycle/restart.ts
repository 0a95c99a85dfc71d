import { BangerError } from "../../../rpc/contract/errors.ts";
import type { OperationContext } from "../../operation/operations.ts";
import { activeStates } from "../state.ts";
import type { StoredVm } from "../vm-records.ts";
import { failureOf, type RunDeps, runVm } from "./run.ts";
import type { StartOptions } from "./start.ts";
import { type StopDeps, type StoppedBy, stopVm } from "./stop.ts";

/** What restarting a VM needs. */
export interface RestartDeps {
  readonly stop: StopDeps;
  readonly run: RunDeps;
}

/** Stops a VM that runs, in its stages until `deadline`, and starts it; one that doesn't run is started. The caller holds its lock. */
export async function restartVm(
  { stop, run }: RestartDeps,
  vm: StoredVm,
  { deadline, ...options }: StartOptions & { readonly deadline: Date },
  context: OperationContext,
): Promise<StoredVm & { stopped_by?: StoppedBy }> {
  if (!activeStates.has(vm.state)) return runVm(run, vm, options, context);
  const { stopped_by, ...stopped } = await stopVm(stop, vm, deadline, context);
  try {
    const started = await runVm(run, stopped, options, context);
    return stopped_by === undefined ? started : { ...started, stopped_by };
  } catch (error) {
    // A start that was refused before it began wrote nothing down.
    if (run.records.must(vm.id).error === null) run.records.update(vm.id, { error: failureOf(error) });
    if (!(error instanceof BangerError)) throw error;
    throw new BangerError(error.code, `vm ${vm.name} was stopped, and could not be started again: ${error.plain}`, {
      cause: error,
      ...(error.details === undefined ? {} : { details: error.details }),
    });
  }
}
