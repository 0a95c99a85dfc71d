import { helperContract } from "../../../rpc/contract/helper.ts";
import { attribute } from "../../../telemetry/names.ts";
import type { HelperLink } from "../../helper/helper-link.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { StoredVm } from "../vm-records.ts";
import { errorOfExit, killed } from "./exit.ts";
import { endVm, type ReleaseDeps } from "./release.ts";
import { type AskedBy, shutDown, type ShutDownDeps } from "./shut-down.ts";

/** What stopping a VM needs. */
export interface StopDeps extends ReleaseDeps, ShutDownDeps {
  readonly helper: Pick<HelperLink, "call">;
}

/** Which stage of a stop ended a guest. */
export type StoppedBy = AskedBy | "kill";

/**
 * Shuts a VM down in order, and takes it away when that takes longer than until `deadline`. The caller holds the VM's lock. A
 * guest that was asked to go can't be unasked: when the caller leaves then, the VM stays `stopping`, and its end is noticed.
 */
export async function stopVm(
  deps: StopDeps,
  vm: StoredVm,
  deadline: Date,
  context: OperationContext,
  askedFor: "owner" | "unit" = "owner",
): Promise<StoredVm & { stopped_by?: StoppedBy }> {
  const handle = deps.running.get(vm.id);
  // There is no guest to ask, and without the helper nobody to take it away: that fails now, and not when the time is over.
  if (handle === undefined) await deps.exits.status(vm.id);
  const asked = deadline.getTime() > Date.now() ? await shutDown(deps, vm, deadline, context) : undefined;
  const said = handle?.vmm.said ?? (asked === undefined ? undefined : "shutdown");
  const stays = vm.exit === null && (await deps.exits.isAlive(vm));
  if (stays) await kill(deps, vm, context);
  const ended = await takeAway(deps, "vm.stop", deps.records.must(vm.id), context, said, askedFor);
  const by = stays ? "kill" : asked;
  return by === undefined ? ended : { ...ended, stopped_by: by };
}

/** The last stage: how it ends is kept first, as what follows may fail. */
async function kill({ records, steps, helper }: StopDeps, vm: StoredVm, context: OperationContext): Promise<void> {
  records.update(vm.id, { state: "stopping", stop_by: new Date().toISOString(), exit: killed() });
  await steps.run({
    operation: "vm.stop",
    subject: vm,
    // Whoever asked may go away meanwhile.
    context: { ...context, signal: new AbortController().signal },
    attributes: { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name },
    steps: [
      {
        name: "kill",
        do: async ({ id, generation }) => void (await helper.call(helperContract.vmmStop, { vm_id: id, generation })),
        undo: { none: "its end is what was asked for" },
      },
    ],
  });
}

/** Takes a VM away, whatever it does; what is dead already keeps its own end. The caller holds the VM's lock. */
export async function takeAway(
  deps: StopDeps,
  operation: "vm.stop" | "vm.kill" | "vm.delete",
  before: StoredVm,
  context: OperationContext,
  said = deps.running.get(before.id)?.vmm.said,
  askedFor: "owner" | "unit" = "owner",
): Promise<StoredVm> {
  // An end that is known is kept before anything is released, which may fail; one that nobody could tell is asked for again.
  const untold = before.exit?.how === "unknown";
  const known = (untold ? undefined : before.exit) ?? (await deps.exits.endOf(before, said)) ?? before.exit;
  const exit = known === null || askedFor === "owner" ? known : { ...known, asked_by: askedFor };
  const vm = deps.records.update(before.id, { state: "stopping", stop_by: new Date().toISOString(), exit });
  // Why a start failed that left something stays said.
  const error =
    untold && exit !== null ? errorOfExit({ exit, words: undefined, console: "" }, context.opId) : before.error;
  return endVm(deps, operation, vm, { state: "stopped", error, exit: exit ?? killed() }, context);
}
