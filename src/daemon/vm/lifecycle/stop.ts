import type { Vm } from "../../../rpc/contract/vm.ts";
import type { OperationContext, Step } from "../../step/step-runner.ts";
import { type EndDeps, endVm } from "./end.ts";

/** Shuts a VM down in order, and takes it away when that takes longer than `timeoutS`. The caller holds the VM's lock. */
export async function stopVm(deps: EndDeps, before: Vm, timeoutS: number, context: OperationContext): Promise<Vm> {
  const vm = deps.records.update(before.id, { state: "stopping" });
  const shutdown: Step<Vm> = {
    name: "shutdown",
    do: async (_, signal) => {
      const running = deps.running.get(vm.id);
      if (running?.agent === undefined) return;
      const late = AbortSignal.timeout(timeoutS * 1000);
      const over = AbortSignal.any([signal, late]);
      const given = new Promise<void>((resolve) => {
        over.addEventListener("abort", () => resolve(), { once: true });
      });
      // An agent that can't be asked is a guest that doesn't go by itself: it is taken away when the time is over.
      const asked = running.agent.shutdown("poweroff").catch(() => undefined);
      await Promise.race([asked.then(() => running.vmm.exited), given]);
      signal.throwIfAborted();
    },
    // The guest was asked and may still go; until it does, it runs.
    undo: async () => void deps.records.update(vm.id, { state: "running" }),
  };
  return endVm(deps, "vm.stop", vm, { state: "stopped", error: null }, context, timeoutS === 0 ? [] : [shutdown]);
}
