import { helperContract } from "../../rpc/contract/helper.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import { printable } from "../../rpc/printable.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { OpId } from "../../telemetry/op-id.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { HelperLink } from "../helper-link.ts";
import { unattended } from "../step/step-runner.ts";
import type { VmmExit } from "../vmm/driver.ts";
import { type EndDeps, type Ending, endVm } from "./lifecycle/end.ts";
import type { VmLocks } from "./vm-locks.ts";

/** What watching a VM needs. */
export interface WatchDeps extends EndDeps {
  readonly helper: HelperLink;
  readonly locks: VmLocks;
  readonly spans: Spans;
  readonly log: Logger;
}

/** What a VM's record says of an end that nobody asked for. */
const ends = {
  reset: "the guest reset itself: a reboot, which ends a VM, or a kernel panic",
  unknown: "the VMM ended by itself",
};

/** Notices when a running VM's VMM ends by itself, and takes away what it held on the host. */
export function watchVm(deps: WatchDeps, vm: Vm): void {
  const { records, running, locks, spans, log } = deps;
  const handle = running.get(vm.id);
  if (handle === undefined) return;
  void handle.vmm.exited
    .then(async ({ how }) => {
      // Whoever stops, kills or deletes it takes it away, and says so in the record; a newer start has a watch of its own.
      await locks.whenFree(vm.id);
      const now = records.get(vm.id);
      if (now?.state !== "running" || now.generation !== vm.generation) return;
      await spans.operation("vm.exited", {}, async (opId) => {
        const ending = await endingOf(deps, now, how, opId);
        await locks.exclusive(now, "exit", () => endVm(deps, "vm.exited", now, ending, unattended()));
        log.info({ "banger.vm.id": vm.id, how }, "the VMM ended");
      });
    })
    .catch((error: unknown) => log.error({ err: error, "banger.vm.id": vm.id }, "taking an ended VM away failed"));
}

async function endingOf(deps: WatchDeps, vm: Vm, how: VmmExit["how"], opId: OpId): Promise<Ending> {
  if (how === "shutdown") return { state: "stopped", error: null };
  const words = how === "unknown" ? await lastWords(deps, vm) : "";
  return { state: "failed", error: { code: "guest_died", message: `${ends[how]}${words}`, op_id: opId } };
}

/** What the VMM said on its own before it ended; nothing when the helper is away. */
async function lastWords({ helper, log }: WatchDeps, vm: Vm): Promise<string> {
  try {
    const { last_words: words } = await helper.call(helperContract.vmmStatus, { vm_id: vm.id });
    return words === undefined ? "" : `: ${printable(words)}`;
  } catch (error) {
    log.warn({ err: error, "banger.vm.id": vm.id }, "the VMM's last words are not known");
    return "";
  }
}
