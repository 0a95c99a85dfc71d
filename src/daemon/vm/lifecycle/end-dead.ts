import { printable } from "../../../rpc/printable.ts";
import type { Logger } from "../../../telemetry/log.ts";
import type { OperationContext } from "../../operation/operations.ts";
import type { StoredVm } from "../vm-records.ts";
import { errorOfExit } from "./exit.ts";
import type { End } from "./how-it-ended.ts";
import { endVm, type Ending, type ReleaseDeps } from "./release.ts";

/** What ending a VM whose VMM is dead needs. */
export interface EndDeadDeps extends ReleaseDeps {
  readonly log: Logger;
  readonly bootId: string;
}

/** Writes down how a VM ended that nobody ended, by its VMM's death or its guest's halt, then takes away what it held. The caller holds the VM's lock. */
export async function endDead(
  deps: EndDeadDeps,
  vm: StoredVm,
  end: End,
  context: Pick<OperationContext, "opId" | "emit" | "about">,
): Promise<void> {
  const ending = endingOf(deps, vm, end, context.opId);
  // Kept before anything is released: what can't be released now leaves the VM `stopping`, and the end known.
  deps.records.update(vm.id, { state: "stopping", exit: ending.exit, error: ending.error, pid: null });
  await endVm(deps, "vm.exited", vm, ending, context);
  deps.log.info({ "banger.vm.id": vm.id, exit: ending.exit, ...lastWords(end) }, "the VMM ended");
}

/** What VMM and guest said last, as far as anything is known of it. */
function lastWords({ words = "", console }: End) {
  return {
    ...(words === "" ? {} : { stderr: printable(words) }),
    ...(console === "" ? {} : { console: printable(console) }),
  };
}

function endingOf({ bootId }: Pick<EndDeadDeps, "bootId">, vm: StoredVm, end: End, opId: string): Ending {
  const { exit } = end;
  const rebooted = vm.boot_id !== null && vm.boot_id !== bootId;
  const failed = (code: string, message: string) => ({ code, message, op_id: opId });
  const ofItself = (error: Ending["error"]): Ending => ({ state: error === null ? "stopped" : "failed", exit, error });
  switch (vm.state) {
    case "starting": {
      const what = rebooted ? "the host was restarted" : "the daemon ended";
      return { state: "stopped", exit, error: failed("step_failed", `${what} during its start, which was undone`) };
    }
    case "stopping":
      // What nobody could tell when it ended by itself is told now.
      if (vm.exit?.how === "unknown") return ofItself(errorOfExit(end, opId));
      // A stop that nobody waits for any more has got what it asked for; an end that was written down stays as it was.
      return { state: vm.error === null || vm.exit === null ? "stopped" : "failed", exit, error: vm.error };
    case "running": {
      const lostPower = "the host was restarted, or lost power, while it ran";
      const endedAsAsked = vm.on_reboot === "stop" && exit.how === "reset";
      return ofItself(rebooted ? failed("guest_died", lostPower) : endedAsAsked ? null : errorOfExit(end, opId));
    }
    case "creating":
    case "created":
    case "stopped":
    case "failed":
      throw new Error(`a VM that is ${vm.state} has no VMM to end`);
  }
}
