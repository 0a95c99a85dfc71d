import type { Layout } from "../../installation/layout.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { ChangedVm, Vm, vmContract } from "../../rpc/contract/vm.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { RootDisks } from "../disk/root-disks.ts";
import type { Operations, Request } from "../operation/operations.ts";
import { createVm, type CreateDeps } from "./lifecycle/create.ts";
import { endAndDelete, type EndAndDeleteDeps } from "./lifecycle/end-and-delete.ts";
import { growDisk, type GrowDiskDeps } from "./lifecycle/grow-disk.ts";
import { type PauseDeps, pauseVm, resumeVm } from "./lifecycle/pause.ts";
import { restartVm } from "./lifecycle/restart.ts";
import { type RunDeps, runVm } from "./lifecycle/run.ts";
import { stopVm, takeAway } from "./lifecycle/stop.ts";
import type { RunningVms } from "./running.ts";
import { activeStates, isAlready, mustAllow } from "./state.ts";
import type { Alone } from "./alone.ts";
import { isAskedFor, type VmFilter } from "./labels.ts";
import type { VmRecords } from "./vm-records.ts";
import { pruneVms } from "./vm-prune.ts";
import { watchVms } from "./watch-vms.ts";
import type { VmLocks } from "./vm-locks.ts";
import type { VmWaits } from "./wait.ts";

/** What the VM service itself uses, and what each mutation is given. */
export interface VmServiceDeps extends EndAndDeleteDeps {
  readonly records: VmRecords;
  readonly layout: Layout;
  readonly running: RunningVms;
  readonly now: () => Date;
  readonly disks: Pick<RootDisks, "space">;
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly alone: Alone;
  readonly create: CreateDeps;
  readonly run: RunDeps;
  readonly pause: PauseDeps;
  readonly waits: Pick<VmWaits, "afterStart">;
  readonly growDisk: GrowDiskDeps;
}

const mib = 1024 * 1024;

type Params<M extends keyof typeof vmContract> = ParamsOf<(typeof vmContract)[M]>;

/** What is done with VMs as wholes: finds the one that is meant, begins the operation, takes the lock, and hands over to the lifecycle. */
export class VmService {
  readonly #deps: VmServiceDeps;

  constructor(deps: VmServiceDeps) {
    this.#deps = deps;
  }

  list(filter: VmFilter = {}): Vm[] {
    const { records, running } = this.#deps;
    return records
      .list()
      .filter((vm) => isAskedFor(vm, filter))
      .map((vm) => running.shown(vm));
  }

  /** Lists VMs; with `watch` tells them after each change too, until the caller leaves. */
  async listOrWatch({ watch, ...filter }: Params<"vmList">, { signal, emit }: Request): Promise<{ vms: Vm[] }> {
    const { records, running } = this.#deps;
    if (!watch) return { vms: this.list(filter) };
    return watchVms({
      changes: () => [records.changed, running.changed],
      list: () => this.list(filter),
      signal,
      tell: (vms) => emit("vms", { vms }),
    });
  }

  async show(reference: string): Promise<Vm & { disk_used_mib: number | null; disk_shared_mib: number | null }> {
    const { records, disks } = this.#deps;
    const vm = records.use(reference);
    const space = vm.state === "creating" ? undefined : await disks.space(vm);
    return {
      ...this.#deps.running.shown(vm),
      health: await this.#deps.running.askedHealthOf(vm),
      disk_used_mib: space === undefined ? null : Math.ceil(space.own / mib),
      disk_shared_mib: space?.shared === undefined ? null : Math.ceil(space.shared / mib),
    };
  }

  create(params: Params<"vmCreate">, request: Request): Promise<Vm> {
    return this.#deps.operations.run("vm.create", request, async (context) => {
      await this.#deps.records.mustHaveRoom();
      return createVm(this.#deps.create, params, context);
    });
  }

  /** Boots a VM; what will trouble its guest comes with it. */
  async start(
    { vm: reference, overcommit, wait, wait_timeout_s }: Params<"vmStart">,
    request: Request,
  ): Promise<ChangedVm & { warnings: Warning[] }> {
    const warnings: Warning[] = [];
    const shown = await this.#deps.alone(reference, "start", request, async (vm, context) => {
      await this.#deps.records.mustHaveRoom();
      return runVm(this.#deps.run, vm, { overcommit, warnings }, context);
    });
    // Not under the VM's lock: it runs, and may be stopped meanwhile.
    if (wait !== "ready") await this.#deps.waits.afterStart(shown, wait, wait_timeout_s, request);
    return { ...shown, warnings };
  }

  /** Gives a VM another name: its record's; a guest that runs keeps its own until its next start. */
  rename({ vm: reference, name }: Params<"vmRename">, request: Request): Promise<ChangedVm> {
    const { operations, locks, records, running } = this.#deps;
    const named = records.use(reference);
    return operations.run("vm.rename", request, () =>
      locks.exclusive(named, "rename", async () => {
        const vm = records.must(named.id);
        if (vm.name === name) return { ...running.shown(vm), unchanged: true };
        records.mustBeFree(name);
        return running.shown(records.update(vm.id, { name }));
      }),
    );
  }

  stop({ vm: reference, timeout_s }: Params<"vmStop">, request: Request): Promise<ChangedVm> {
    return this.#deps.alone(reference, "stop", request, (vm, context) =>
      stopVm(this.#deps.stop, vm, new Date(Date.now() + timeout_s * 1000), context),
    );
  }

  /** Stops a VM that runs, and boots it. */
  async restart(
    { vm: reference, timeout_s, overcommit }: Params<"vmRestart">,
    request: Request,
  ): Promise<ChangedVm & { warnings: Warning[] }> {
    const warnings: Warning[] = [];
    const shown = await this.#deps.alone(reference, "restart", request, async (vm, context) => {
      await this.#deps.records.mustHaveRoom();
      const deadline = new Date(Date.now() + timeout_s * 1000);
      return restartVm(this.#deps, vm, { deadline, overcommit, warnings }, context);
    });
    return { ...shown, warnings };
  }

  pause({ vm: reference }: Params<"vmPause">, request: Request): Promise<ChangedVm> {
    return this.#deps.alone(reference, "pause", request, (vm, context) => pauseVm(this.#deps.pause, vm, context));
  }

  resume({ vm: reference }: Params<"vmResume">, request: Request): Promise<ChangedVm> {
    return this.#deps.alone(reference, "resume", request, (vm, context) => resumeVm(this.#deps.pause, vm, context));
  }

  /** Deletes the VMs that are not used any more, or says which they are. */
  prune(params: Params<"vmPrune">, request: Request): Promise<ResultOf<(typeof vmContract)["vmPrune"]>> {
    return pruneVms(this.#deps, params, request);
  }

  /** Makes what is under way let go, then pulls the plug. */
  kill({ vm: reference }: Params<"vmKill">, request: Request): Promise<ChangedVm> {
    const { operations, locks, records } = this.#deps;
    const named = records.use(reference);
    const interrupts = locks.isHeld(named.id);
    return operations.run("vm.kill", request, (context) =>
      locks.taking(
        named,
        "vm kill",
        async () => {
          const vm = records.must(named.id);
          // What it interrupted may have taken the VM away already.
          if (interrupts && !activeStates.has(vm.state)) return this.#deps.running.shown(vm);
          if (isAlready("kill", vm)) return { ...this.#deps.running.shown(vm), unchanged: true };
          mustAllow("kill", vm);
          return this.#deps.running.shown(await takeAway(this.#deps.stop, "vm.kill", vm, context));
        },
        context.cancel,
      ),
    );
  }

  delete({ vm: reference, force }: Params<"vmDelete">, request: Request): Promise<{ id: string; name: string }> {
    const { operations, locks, records } = this.#deps;
    const named = records.use(reference);
    return operations.run("vm.delete", request, (context) => {
      const work = () => endAndDelete(this.#deps, records.must(named.id), force, context);
      return force
        ? locks.taking(named, "vm delete --force", work, context.cancel)
        : locks.exclusive(named, "delete", work, context.cancel);
    });
  }

  /** Changes what a VM has. */
  async set({ vm: reference, disk_mib }: Params<"vmSet">, request: Request): Promise<ChangedVm> {
    let same = false;
    const shown = await this.#deps.alone(reference, "set", request, async (vm, context) => {
      same = disk_mib === undefined || disk_mib === vm.disk_mib;
      return disk_mib === undefined ? vm : growDisk(this.#deps.growDisk, vm, disk_mib, context);
    });
    return same ? { ...shown, unchanged: true } : shown;
  }
}
