import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { ChangedVm, Vm, vmContract } from "../../rpc/contract/vm.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { Logger } from "../../telemetry/log.ts";
import { activeIds } from "../../telemetry/spans.ts";
import type { RootDiskKind } from "../disk/root-disk.ts";
import type { Operations, Request } from "../operation/operations.ts";
import { createVm, type CreateDeps } from "./lifecycle/create.ts";
import { deleteVm, type DeleteDeps } from "./lifecycle/delete.ts";
import { type StartDeps, startVm } from "./lifecycle/start.ts";
import { type StopDeps, stopVm, takeAway } from "./lifecycle/stop.ts";
import type { RunningVms } from "./running.ts";
import { activeStates, isAlready, mustAllow } from "./state.ts";
import type { Alone } from "./alone.ts";
import { supervise, type SuperviseDeps } from "./supervise.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";
import type { VmLocks } from "./vm-locks.ts";

/** What the VM service itself uses, and what each mutation is given. */
export interface VmServiceDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly disk: Pick<RootDiskKind, "usage">;
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly alone: Alone;
  readonly create: CreateDeps;
  readonly start: StartDeps;
  readonly stop: StopDeps;
  readonly remove: DeleteDeps;
  readonly supervise: SuperviseDeps;
  readonly log: Logger;
}

type Params<M extends keyof typeof vmContract> = ParamsOf<(typeof vmContract)[M]>;

/** What is done with VMs as wholes: finds the one that is meant, begins the operation, takes the lock, and hands over to the lifecycle. */
export class VmService {
  readonly #deps: VmServiceDeps;

  constructor(deps: VmServiceDeps) {
    this.#deps = deps;
  }

  list(): Vm[] {
    return this.#deps.records.list().map((vm) => this.#deps.running.shown(vm));
  }

  async show(reference: string): Promise<Vm & { disk_used_mib: number | null }> {
    const { records, disk, layout } = this.#deps;
    const vm = records.use(reference);
    const made = vm.state !== "creating";
    return {
      ...this.#deps.running.shown(vm),
      disk_used_mib: made ? await disk.usage({ disk: layout.vm(vm.id).rootDisk }) : null,
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
    { vm: reference, overcommit }: Params<"vmStart">,
    request: Request,
  ): Promise<ChangedVm & { warnings: Warning[] }> {
    const warnings: Warning[] = [];
    const shown = await this.#deps.alone(reference, "start", request, async (vm, context) => {
      try {
        await this.#deps.records.mustHaveRoom();
        const started = await startVm(this.#deps.start, vm, { overcommit, warnings }, context);
        supervise(this.#deps.supervise, started);
        return started;
      } catch (error) {
        this.#undone(vm, error);
        throw error;
      }
    });
    return { ...shown, warnings };
  }

  stop({ vm: reference, timeout_s }: Params<"vmStop">, request: Request): Promise<ChangedVm> {
    return this.#deps.alone(reference, "stop", request, (vm, context) =>
      stopVm(this.#deps.stop, vm, new Date(Date.now() + timeout_s * 1000), context),
    );
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
      const work = async () => {
        const vm = records.must(named.id);
        const ended =
          force && activeStates.has(vm.state) ? await takeAway(this.#deps.stop, "vm.delete", vm, context) : vm;
        mustAllow("delete", ended);
        await deleteVm(this.#deps.remove, ended, context);
        return { id: vm.id, name: vm.name };
      };
      return force
        ? locks.taking(named, "vm delete --force", work, context.cancel)
        : locks.exclusive(named, "delete", work, context.cancel);
    });
  }

  /** A start that failed leaves the VM as it was, with the failure; or stopping, where what it made could not all be undone yet. */
  #undone(before: StoredVm, error: unknown): void {
    const { records, log } = this.#deps;
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
}

/** A failure as a VM's record keeps it. */
function failureOf(error: unknown): NonNullable<Vm["error"]> {
  const code = error instanceof BangerError ? error.code : "internal";
  const message = error instanceof BangerError ? error.plain : error instanceof Error ? error.message : String(error);
  return { code, message, op_id: activeIds()?.opId ?? "" };
}
