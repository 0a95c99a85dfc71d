import { BangerError } from "../../../rpc/contract/errors.ts";
import type { Vm } from "../../../rpc/contract/vm.ts";
import type { Logger } from "../../../telemetry/log.ts";
import { activeIds } from "../../../telemetry/spans.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { StoredVm, VmRecords } from "../vm-records.ts";
import { type StartDeps, type StartOptions, startVm } from "./start.ts";

/** What running a VM needs. */
export interface RunDeps {
  readonly records: VmRecords;
  readonly start: StartDeps;
  /** Cares for a VM that runs. */
  readonly supervise: (vm: StoredVm) => void;
  readonly log: Logger;
}

/** Starts a VM and cares for it; a start that fails leaves its failure in the record. The caller holds the VM's lock. */
export async function runVm(
  deps: RunDeps,
  before: StoredVm,
  options: StartOptions,
  context: OperationContext,
): Promise<StoredVm> {
  try {
    const started = await startVm(deps.start, before, options, context);
    deps.supervise(started);
    return started;
  } catch (error) {
    undone(deps, before, error);
    throw error;
  }
}

/** A start that failed leaves the VM as it was, with the failure; or stopping, where what it made could not all be undone yet. */
function undone({ records, log }: RunDeps, before: StoredVm, error: unknown): void {
  if (records.must(before.id).state !== "starting") return;
  const remains = error instanceof BangerError && error.details?.["not_undone"] !== undefined;
  try {
    records.update(before.id, {
      ...(remains
        ? { state: "stopping", stop_by: new Date().toISOString() }
        : { state: before.state === "created" ? "created" : "stopped", pid: null }),
      started_at: null,
      error: failureOf(error),
    });
  } catch (failure) {
    // The cause is what the caller hears; the next daemon finds the record as it is.
    log.error({ err: failure, "banger.vm.id": before.id }, "what came of a start was not recorded");
  }
}

/** A failure as a VM's record keeps it. */
export function failureOf(error: unknown): NonNullable<Vm["error"]> {
  const code = error instanceof BangerError ? error.code : "internal";
  const message = error instanceof BangerError ? error.plain : error instanceof Error ? error.message : String(error);
  return { code, message, op_id: activeIds()?.opId ?? "" };
}
