import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { guestContract } from "../../rpc/contract/guest.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { OperationContext, Operations } from "../operation/operations.ts";
import type { Uses } from "./expiry/uses.ts";
import type { GuestAccess, VmRequest } from "./guest-access.ts";
import { type CreateDeps, createVm, newVmId } from "./lifecycle/create.ts";
import { endAndDelete, type EndAndDeleteDeps } from "./lifecycle/end-and-delete.ts";
import { type RunDeps, runVm } from "./lifecycle/run.ts";
import type { RunningVms } from "./running.ts";
import { activeStates, mustAllow } from "./state.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";
import type { VmLocks } from "./vm-locks.ts";

/** What running a command in a new VM needs. */
export interface VmRunsDeps extends EndAndDeleteDeps {
  readonly records: VmRecords;
  readonly run: RunDeps;
  readonly log: Logger;
  readonly create: CreateDeps;
  readonly locks: VmLocks;
  readonly operations: Operations;
  readonly running: Pick<RunningVms, "shown">;
  readonly guests: Pick<GuestAccess, "exec" | "ssh">;
  readonly uses: Pick<Uses, "hold">;
  /** Aborts when the daemon ends. */
  readonly closing: AbortSignal;
}

type Params = ParamsOf<(typeof guestContract)["vmRun"]>;
type Result = ResultOf<(typeof guestContract)["vmRun"]>;
/** How a command ended; all null when there was none, or what the caller did itself. */
type CommandEnd = Pick<Result, "exit_code" | "signal" | "out_of_memory">;

/** What could not be deleted is tried again after this. */
const againMs = 10_000;
/** What is under way with a VM that is to go, has so long to end. */
const lettingEndMs = 30_000;
const mutation = "vm run";

/**
 * Runs a command in a VM that is made for it. With `rm` the VM goes when the command ends, fails or is cancelled, or its caller is
 * gone; that it is to go stands in its record, so that the next daemon deletes what this one could not.
 */
export class VmRuns {
  readonly #deps: VmRunsDeps;
  /** The VMs that go when their command ends, which hasn't. */
  readonly #underWay = new Set<string>();
  #tidying = false;

  constructor(deps: VmRunsDeps) {
    this.#deps = deps;
  }

  run(params: Params, request: VmRequest): Promise<Result> {
    return this.#deps.operations.run("vm.run", request, async (context) => {
      await this.#deps.records.mustHaveRoom();
      const id = newVmId();
      // Before there is a record that says so: whoever looks for what is to go must know that its command hasn't ended.
      if (params.rm) this.#underWay.add(id);
      const making = createVm(this.#deps.create, params, context, { id, removeAtEnd: params.rm });
      const vm = await making.catch((error: unknown) => {
        this.#underWay.delete(id);
        throw error;
      });
      if (!params.rm) return { ...(await this.#carry(params, vm, request, context)), removed: false };
      const outcome = await settled(this.#carry(params, vm, request, context));
      const not_removed = await this.#remove(vm, context);
      if ("error" in outcome)
        throw not_removed === undefined ? outcome.error : alsoNotRemoved(outcome.error, not_removed);
      return {
        ...outcome.value,
        removed: not_removed === undefined,
        ...(not_removed === undefined ? {} : { not_removed }),
      };
    });
  }

  /** Deletes the VMs whose command has ended, with their caller or with the daemon that ran it; again later, until none is left. */
  async removeEnded(): Promise<void> {
    if (this.#tidying) return;
    this.#tidying = true;
    try {
      while (!(await this.#tidy())) await delay(againMs, undefined, { ref: false, signal: this.#deps.closing });
    } catch (error) {
      // The daemon ends: the next one goes on.
      if (!this.#deps.closing.aborted) throw error;
    } finally {
      this.#tidying = false;
    }
  }

  /** True when no VM is left whose command has ended. */
  async #tidy(): Promise<boolean> {
    const { records, operations } = this.#deps;
    const ended = records.list().filter(({ id, remove_at_end: goes }) => goes && !this.#underWay.has(id));
    const failures = await Promise.all(
      ended.map((vm) => operations.unattended("vm.delete", undefined, (context) => this.#remove(vm, context))),
    );
    return failures.every((failure) => failure === undefined);
  }

  async #carry(params: Params, { id, name }: StoredVm, request: VmRequest, context: OperationContext) {
    const warnings: Warning[] = [];
    const { overcommit } = params;
    const boot = async () => {
      const vm = this.#deps.records.must(id);
      mustAllow("start", vm);
      return runVm(this.#deps.run, vm, { overcommit, warnings }, context);
    };
    const started = await this.#deps.locks.exclusive({ id, name }, mutation, boot, context.cancel).catch((error) => {
      throw params.rm ? error : kept(error, name);
    });
    const vm: Vm = this.#deps.running.shown(started);
    await context.emit("started", { vm, warnings });
    const end =
      params.argv.length === 0
        ? await this.#hold(vm, request, context)
        : await this.#exec(params, vm, request, context);
    return { vm: { id, name }, ...end };
  }

  #exec(params: Params, vm: Vm, request: VmRequest, context: OperationContext): Promise<CommandEnd> {
    const { argv, env, stdin, cwd, user, rm } = params;
    const asked = {
      vm: vm.id,
      argv,
      env,
      stdin,
      ...(cwd === undefined ? {} : { cwd }),
      ...(user === undefined ? {} : { user }),
    };
    const command = this.#deps.guests.exec(asked, { ...request, signal: context.signal });
    // What goes anyway needs no time to end in order.
    return rm ? Promise.race([command, aborted(context.signal)]) : command;
  }

  /** Keeps the VM for what its caller does there by ssh, until it ends its input or is gone. */
  async #hold(vm: Vm, request: VmRequest, context: OperationContext): Promise<CommandEnd> {
    const { signal } = context;
    using _ = this.#deps.uses.hold(vm.id);
    await context.emit("progress", { text: `${vm.name} runs; its ssh server is waited for` });
    const target = await this.#deps.guests.ssh({ vm: vm.id, timeout_s: sshTimeoutS }, { ...request, signal });
    await context.emit("ssh", target);
    const over = new AbortController();
    try {
      await Promise.race([endOf(request.input), aborted(signal), this.#ended(vm, over.signal)]);
    } finally {
      over.abort();
    }
    return { exit_code: null, signal: null };
  }

  /** Rejects when the VM doesn't run any more. */
  async #ended({ id, name }: Vm, over: AbortSignal): Promise<never> {
    await this.#deps.records.until(id, ({ state }) => !activeStates.has(state), over);
    throw new BangerError("guest_died", `vm ${name} ended before its shell did`);
  }

  /** Deletes a VM, whoever has left meanwhile; says why where that could not be done yet. */
  async #remove({ id, name }: StoredVm, { cancel, ...context }: OperationContext): Promise<string | undefined> {
    const { records, locks, log } = this.#deps;
    const whole = { ...context, cancel, signal: new AbortController().signal };
    try {
      // A stop that somebody asked for may end in order first.
      await Promise.race([locks.whenFree(id), delay(lettingEndMs, undefined, { ref: false })]);
      await locks.taking(
        { id, name },
        mutation,
        async () => {
          const vm = records.get(id);
          if (vm !== undefined) await endAndDelete(this.#deps, vm, { force: true, keepWork: false }, whole);
        },
        () => undefined,
      );
      return undefined;
    } catch (error) {
      log.error({ err: error, "banger.vm.id": id }, "a VM whose command has ended is not deleted yet");
      this.#tryAgain(id);
      return error instanceof BangerError ? error.plain : String(error);
    } finally {
      this.#underWay.delete(id);
    }
  }

  #tryAgain(id: string): void {
    if (this.#tidying) return;
    void delay(againMs, undefined, { ref: false, signal: this.#deps.closing })
      .then(() => this.removeEnded())
      .catch((error: unknown) =>
        this.#deps.log.debug({ err: error, "banger.vm.id": id }, "deleting is not tried again"),
      );
  }
}

/** How long the guest's ssh server may take; software emulation on a busy host is slow. */
const sshTimeoutS = 120;

async function endOf(input: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of input);
}

async function settled<T>(work: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

/** Rejects when the signal aborts, with its reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(signal.reason as Error);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
  });
}

/** Why a VM that is kept was not started; it is there all the same. */
function kept(error: unknown, name: string): unknown {
  if (!(error instanceof BangerError)) return error;
  return new BangerError(error.code, error.plain, {
    cause: error,
    details: {
      ...error.details,
      vm: name,
      hint: `vm ${name} is there: \`vm show ${name}\` says more, \`vm delete ${name}\` removes it.`,
    },
  });
}

function alsoNotRemoved(error: unknown, why: string): unknown {
  if (!(error instanceof BangerError)) return error;
  return new BangerError(error.code, `${error.plain}; not deleted yet: ${why}`, {
    cause: error,
    ...(error.details === undefined ? {} : { details: error.details }),
  });
}
