import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import { activeIds } from "../../telemetry/spans.ts";
import { unattended } from "../step/step-runner.ts";
import { awaitAgent } from "./lifecycle/start.ts";
import { endVm } from "./lifecycle/end.ts";
import type { VmServiceDeps } from "./vm-service.ts";
import { watchVm } from "./watch.ts";

/** How long an adopted guest has until its agent answers. */
const adoptDeadlineMs = 10_000;

/** Removes directories without a record: halves of a create or of a delete that a crash left. */
export function removeOrphanDirectories({ layout, records }: Pick<VmServiceDeps, "layout" | "records">): void {
  mkdirSync(layout.vms, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(layout.vms)) {
    if (records.get(name) === undefined) rmSync(layout.vm(name).directory, { recursive: true, force: true });
  }
}

/** Makes records true: what the kernel really holds of this installation's VMs, against what the store says. */
export async function reconcile(deps: VmServiceDeps): Promise<void> {
  const { helper, records, release, locks, log } = deps;
  await release.payDebts();
  const held = await helper.call(helperContract.vmmList, {});
  const alive = new Map(held.vmms.map((vmm) => [vmm.vm_id, vmm]));

  await Promise.all(
    records.list().map(async (vm) => {
      if (!["starting", "running", "stopping"].includes(vm.state) || locks.isHeld(vm.id)) return;
      await locks.exclusive(vm, "reconcile", async () => {
        const runs = alive.get(vm.id)?.generation === vm.generation;
        const outcome = runs && vm.state !== "stopping" && (await adopt(deps, vm)) ? "adopted" : "ended";
        if (outcome === "ended") await endVm(deps, "vm.exited", vm, endingOf(vm, runs), unattended());
        log.info({ "banger.vm.id": vm.id, before: vm.state, outcome }, "reconciled");
      });
    }),
  );

  await removeOrphans(deps, held);
  log.info({ vms: alive.size }, "reconcile completed");
}

/** Takes away what the kernel holds of VMs that no record owns. */
async function removeOrphans({ records, release, locks, log }: VmServiceDeps, held: Held): Promise<void> {
  for (const { vm_id: id, generation } of [...held.vmms, ...held.taps.map((tap) => ({ ...tap, generation: 0 }))]) {
    const vm = records.get(id);
    if (vm !== undefined && (["starting", "running", "stopping"].includes(vm.state) || locks.isHeld(id))) continue;
    const made = { id, generation: Math.max(1, generation, vm?.generation ?? 0) };
    const remove = async () => {
      await release.vmm(made);
      await release.tap(made);
    };
    await (vm === undefined ? remove() : locks.exclusive(vm, "reconcile", remove));
    log.info({ "banger.vm.id": id }, "removed what no VM owns");
  }
}

/** What the kernel holds of this installation's VMs. */
type Held = ResultOf<typeof helperContract.vmmList>;

/** Takes a VM that runs as its own; false when its guest does not answer. */
async function adopt(deps: VmServiceDeps, vm: Vm): Promise<boolean> {
  const { records, running, driver, log } = deps;
  if (running.get(vm.id)?.agent !== undefined) return true;
  try {
    const handle = { generation: vm.generation, vmm: await driver.connect(vm.id) };
    running.put(vm.id, handle);
    // A start that died before `boot` left the guest before its first instruction.
    await handle.vmm.boot();
    running.put(vm.id, {
      ...handle,
      agent: await awaitAgent(handle.vmm, new AbortController().signal, adoptDeadlineMs),
    });
  } catch (error) {
    log.warn({ err: error, "banger.vm.id": vm.id }, "not adopted: its guest does not answer");
    running.drop(vm.id, vm.generation);
    return false;
  }
  watchVm(deps, records.update(vm.id, { state: "running", started_at: vm.started_at ?? new Date().toISOString() }));
  return true;
}

function endingOf(vm: Vm, runs: boolean): { state: "stopped" | "failed"; error: Vm["error"] } {
  const op_id = activeIds()?.opId ?? "";
  if (vm.state === "stopping") return { state: "stopped", error: null };
  if (vm.state === "starting") {
    return {
      state: "stopped",
      error: { code: "step_failed", message: "the daemon ended during its start, which was undone", op_id },
    };
  }
  const message = runs
    ? "its guest no longer answered when the daemon came back"
    : "its VMM ended while the daemon was away";
  return { state: "failed", error: { code: "guest_died", message, op_id } };
}
