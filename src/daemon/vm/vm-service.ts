import type { Layout } from "../../installation/layout.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { ChangedVm, Vm } from "../../rpc/contract/vm.ts";
import type { vmContract } from "../../rpc/contract/vm-methods.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { Logger } from "../../telemetry/log.ts";
import { parseTraceparent } from "../../telemetry/traceparent.ts";
import type { RootDisks } from "../disk/root-disks.ts";
import type { VolumeService } from "../volume/volume-service.ts";
import type { OperationContext, Operations, Request } from "../operation/operations.ts";
import { createVm, type CreateDeps } from "./lifecycle/create.ts";
import { type Deleted, endAndDelete, type EndAndDeleteDeps } from "./lifecycle/end-and-delete.ts";
import { type PauseDeps, pauseVm, resumeVm } from "./lifecycle/pause.ts";
import { restartVm } from "./lifecycle/restart.ts";
import { type RunDeps, runVm } from "./lifecycle/run.ts";
import { finishChanges, type SetDeps, setVm } from "./lifecycle/set.ts";
import { stopVm, takeAway } from "./lifecycle/stop.ts";
import type { RunningVms } from "./running.ts";
import { activeStates, isAlready, mustAllow } from "./state.ts";
import type { Alone } from "./alone.ts";
import { askedHealth, type AskedHealthDeps } from "./asked-health.ts";
import { isAskedFor, relabelled, type VmFilter } from "./labels.ts";
import { listed } from "./listed.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";
import { pruneVms } from "./vm-prune.ts";
import { watchVms } from "./watch-vms.ts";
import type { VmLocks } from "./vm-locks.ts";
import type { VmWaits } from "./wait.ts";

/** What the VM service itself uses, and what each mutation is given. */
export interface VmServiceDeps extends EndAndDeleteDeps, AskedHealthDeps {
  readonly records: VmRecords;
  readonly layout: Layout;
  readonly running: RunningVms;
  readonly now: () => Date;
  readonly disks: Pick<RootDisks, "space">;
  readonly volumes: Pick<VolumeService, "show">;
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly alone: Alone;
  readonly create: CreateDeps;
  readonly run: RunDeps;
  readonly pause: PauseDeps;
  readonly waits: Pick<VmWaits, "afterStart">;
  readonly set: SetDeps;
  readonly log: Logger;
}

const mib = 1024 * 1024;

type Params<M extends keyof typeof vmContract> = ParamsOf<(typeof vmContract)[M]>;

/** What is done with VMs as wholes: finds the one that is meant, begins the operation, takes the lock, and hands over to the lifecycle. */
export class VmService {
  readonly #deps: VmServiceDeps;

  constructor(deps: VmServiceDeps) {
    this.#deps = deps;
  }

  /** The VMs by what is known of them; nobody is asked. */
  list(filter: VmFilter = {}): Vm[] {
    const { records, running } = this.#deps;
    return records
      .list()
      .filter((vm) => isAskedFor(vm, filter))
      .map((vm) => running.shown(vm));
  }

  /** Lists VMs as they are now, the agents of those that run asked; with `watch` tells them after each change too, until the caller leaves. */
  async listOrWatch({ watch, ...filter }: Params<"vmList">, { signal, emit }: Request): Promise<{ vms: Vm[] }> {
    const { records, running } = this.#deps;
    const list = async () => listed(await askedHealth(this.#deps, this.list(filter)));
    if (!watch) return { vms: await list() };
    return watchVms({
      changed: (over) => Promise.race([records.changed(over), running.changed(over)]),
      list,
      signal,
      tell: (vms) => emit("vms", { vms }),
    });
  }

  async show(reference: string): Promise<ResultOf<(typeof vmContract)["vmShow"]>> {
    const { records, disks } = this.#deps;
    const vm = records.named(reference);
    const warnings = vm.state === "running" ? this.#deps.running.warningsOf(vm) : [];
    const space = vm.state === "creating" ? undefined : await disks.space(vm);
    const isGone = vm.state !== "creating" && space === undefined;
    const [shown = vm] = await askedHealth(this.#deps, [this.#deps.running.shown(vm)]);
    return {
      ...shown,
      disk_used_mib: space === undefined ? null : Math.ceil(space.own / mib),
      disk_shared_mib: space?.shared === undefined ? null : Math.ceil(space.shared / mib),
      ...(isGone ? { disk_gone: true } : {}),
      ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
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
    const start = (vm: StoredVm, context: OperationContext) =>
      runVm(this.#deps.run, vm, { overcommit, warnings }, context);
    // Not under the VM's lock: it runs, and may be stopped meanwhile.
    return this.#deps.alone(reference, "start", request, start, async (shown, context) => {
      if (wait !== "ready") await this.#deps.waits.afterStart(shown, wait, wait_timeout_s, context);
      return { ...shown, warnings };
    });
  }

  /** Gives a VM another name: its record's; a guest that runs keeps its own until its next start. */
  rename({ vm: reference, name }: Params<"vmRename">, request: Request): Promise<ChangedVm> {
    const { operations, locks, records, running } = this.#deps;
    const find = () => records.use(reference);
    return operations.runOn("vm.rename", request, find, (named, context) => {
      context.about?.(named.id);
      context.wouldBeFound?.("undone");
      return locks.exclusive(named, "rename", async () => {
        const vm = records.must(named.id);
        if (vm.name === name) return { ...running.shown(vm), unchanged: true };
        records.mustBeFree(name);
        records.write(() => {
          records.update(vm.id, { name });
          context.wouldBeFound?.("finished");
        });
        return running.shown(records.must(vm.id));
      });
    });
  }

  stop({ vm: reference, timeout_s, asked_by: askedFor }: Params<"vmStop">, request: Request): Promise<ChangedVm> {
    return this.#deps.alone(reference, "stop", request, (vm, context) =>
      stopVm(this.#deps.stop, vm, new Date(Date.now() + timeout_s * 1000), context, askedFor),
    );
  }

  /** Stops a VM that runs, and boots it. */
  async restart(
    { vm: reference, timeout_s, overcommit }: Params<"vmRestart">,
    request: Request,
  ): Promise<ChangedVm & { warnings: Warning[] }> {
    const warnings: Warning[] = [];
    const restart = async (vm: StoredVm, context: OperationContext) => {
      await this.#deps.records.mustHaveRoom();
      const deadline = new Date(Date.now() + timeout_s * 1000);
      return restartVm(this.#deps, vm, { deadline, overcommit, warnings }, context);
    };
    return this.#deps.alone(reference, "restart", request, restart, async (shown) => ({ ...shown, warnings }));
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
    const find = () => records.use(reference);
    return operations.runOn("vm.kill", request, find, (named, context) => {
      const interrupts = locks.isHeld(named.id);
      return locks.taking(
        named,
        "vm kill",
        async (): Promise<ChangedVm> => {
          const vm = records.must(named.id);
          // What it interrupted may have taken the VM away already.
          if (interrupts && !activeStates.has(vm.state)) return this.#deps.running.shown(vm);
          if (isAlready("kill", vm)) return { ...this.#deps.running.shown(vm), unchanged: true };
          mustAllow("kill", vm);
          return this.#deps.running.shown(await takeAway(this.#deps.stop, "vm.kill", vm, context));
        },
        context.cancel,
      );
    });
  }

  delete({ vm: reference, force, keep_work: keepWork }: Params<"vmDelete">, request: Request): Promise<Deleted> {
    const { operations, locks, records } = this.#deps;
    const find = () => records.use(reference);
    return operations.runOn("vm.delete", request, find, (named, context) => {
      const work = async (): Promise<Deleted> => {
        const vm = force ? records.get(named.id) : records.must(named.id);
        // Whoever asked for the same was first.
        if (vm === undefined) return { id: named.id, name: named.name };
        return endAndDelete(this.#deps, vm, { force, keepWork }, context);
      };
      return force
        ? locks.taking(named, "vm delete --force", work, context.cancel)
        : locks.exclusive(named, "delete", work, context.cancel);
    });
  }

  /** Changes what a VM has. */
  set(
    { vm: reference, label, unlabel, volume, no_volume, ttl_s, idle_s, vmm, accel, ...wanted }: Params<"vmSet">,
    request: Request,
  ): Promise<ChangedVm> {
    const limits = { ttl_s: limitOf(ttl_s), idle_s: limitOf(idle_s) };
    const vmms = { vmm_wanted: vmm, accel_wanted: accel };
    return this.#deps.alone(reference, "set", request, (vm, context) => {
      const labels = relabelled(vm.labels, { label, unlabel });
      const volumes = { attach: volume, detach: no_volume };
      return setVm(this.#deps.set, vm, { ...wanted, ...limits, ...vmms, labels }, volumes, context);
    });
  }

  /** Looks after changes of VMs that run, which a daemon's end may have cut off. */
  async finishChanges(): Promise<void> {
    const { records, operations, locks, log } = this.#deps;
    const waiting = records.active().filter(({ state, waits }) => state === "running" && Object.keys(waits).length > 0);
    for (const vm of waiting) {
      const work = (context: OperationContext) =>
        locks.exclusive(vm, "set", () => finishChanges(this.#deps.set, records.must(vm.id), context), context.cancel);
      await operations
        .unattended("vm.set", parseTraceparent(vm.started_by), work)
        .catch((error: unknown) => log.warn({ err: error, "banger.vm.id": vm.id }, "a change still waits"));
    }
  }
}

/** A limit as a record has it: none is null. */
function limitOf(seconds: number | undefined): number | null | undefined {
  return seconds === 0 ? null : seconds;
}
