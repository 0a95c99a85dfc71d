import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { ChangedVm, Vm, vmContract } from "../../rpc/contract/vm.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { RequestContext } from "../../rpc/dispatch.ts";
import type { Logger } from "../../telemetry/log.ts";
import { activeIds } from "../../telemetry/spans.ts";
import type { RootDiskKind } from "../disk/root-disk.ts";
import type { OperationContext, Operations, Request } from "../operation/operations.ts";
import { awaitSsh } from "../ssh/await-ssh.ts";
import { hostKeyAlias } from "../ssh/ssh-keys.ts";
import { ConsoleLog } from "../vmm/console-log.ts";
import { createVm, type CreateDeps } from "./lifecycle/create.ts";
import { deleteVm, type DeleteDeps } from "./lifecycle/delete.ts";
import { type StartDeps, startVm } from "./lifecycle/start.ts";
import { type StopDeps, stopVm, takeAway } from "./lifecycle/stop.ts";
import type { RunningVms } from "./running.ts";
import { activeStates, isAlready, mustAllow } from "./state.ts";
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
  readonly create: CreateDeps;
  readonly start: StartDeps;
  readonly stop: StopDeps;
  readonly remove: DeleteDeps;
  readonly supervise: SuperviseDeps;
  readonly log: Logger;
}

/** How long a command waits for an agent that was just connected to. */
const attachDeadlineMs = 15_000;

type Params<M extends keyof typeof vmContract> = ParamsOf<(typeof vmContract)[M]>;

/** What a request to a VM knows of its caller. */
export type VmRequest = Request & Pick<RequestContext, "input" | "takeSignals">;

/** The mutations that need a VM in a certain state. */
type Mutation = "start" | "stop" | "kill";

/** Everything that is done with VMs: finds the one that is meant, begins the operation, takes the lock, and hands over to the lifecycle. */
export class VmService {
  readonly #deps: VmServiceDeps;

  constructor(deps: VmServiceDeps) {
    this.#deps = deps;
  }

  list(): Vm[] {
    return this.#deps.records.list().map((vm) => this.#shown(vm));
  }

  async show(reference: string): Promise<Vm & { disk_used_mib: number | null }> {
    const { records, disk, layout } = this.#deps;
    const vm = records.use(reference);
    const made = vm.state !== "creating";
    return { ...this.#shown(vm), disk_used_mib: made ? await disk.usage({ disk: layout.vm(vm.id).rootDisk }) : null };
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
    const shown = await this.#alone(reference, "start", request, async (vm, context) => {
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
    return this.#alone(reference, "stop", request, (vm, context) =>
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
          if (interrupts && !activeStates.has(vm.state)) return this.#shown(vm);
          if (isAlready("kill", vm)) return { ...this.#shown(vm), unchanged: true };
          mustAllow("kill", vm);
          return this.#shown(await takeAway(this.#deps.stop, "vm.kill", vm, context));
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

  /** Runs a command in the guest; its output goes out as events, as fast as the caller takes them. */
  async exec(
    params: Params<"vmExec">,
    { signal, emit, input, takeSignals }: VmRequest,
  ): Promise<ResultOf<(typeof vmContract)["vmExec"]>> {
    const agent = this.#deps.running.agentOf(this.#deps.records.use(params.vm));
    // One that was just connected to, by a daemon that came back, has a moment to answer.
    if (agent.state === "attaching") await agent.ready(signal, attachDeadlineMs);
    const send = (event: string) => (bytes: Uint8Array) => emit(event, Buffer.from(bytes).toString("base64"));
    const running = agent.exec({
      argv: params.argv,
      env: params.env,
      ...(params.cwd === undefined ? {} : { cwd: params.cwd }),
      ...(params.user === undefined ? {} : { user: params.user }),
      ...(params.stdin ? { stdin: input } : {}),
      onStdout: send("stdout"),
      onStderr: send("stderr"),
      signal,
      ...(takeSignals === undefined ? {} : { takeSignals }),
    });
    const end = await running.catch((error: unknown) => {
      throw error instanceof BangerError && error.code === "cancelled" ? endedNotUndone(error) : error;
    });
    return {
      exit_code: end.exitCode,
      signal: end.signal,
      ...(end.outOfMemory === true ? { out_of_memory: true } : {}),
    };
  }

  /** Sends the serial console's log; with `follow` it goes on until the caller leaves or the VM ends. */
  async logs({ vm: reference, follow }: Params<"vmLogs">, { signal, emit }: VmRequest): Promise<{ bytes: number }> {
    const vm = this.#deps.records.use(reference);
    const console = new ConsoleLog(this.#deps.layout.vm(vm.id).consoleLog);
    const isOver = ({ generation, state }: StoredVm) => generation !== vm.generation || !activeStates.has(state);
    const ended = follow ? this.#deps.records.until(vm.id, isOver, signal) : Promise.resolve();
    let bytes = 0;
    for await (const chunk of console.read({ follow: follow && activeStates.has(vm.state), signal, ended })) {
      signal.throwIfAborted();
      bytes += chunk.length;
      await emit("data", chunk.toString("base64"));
    }
    return { bytes };
  }

  /** Waits until the guest's ssh server greets, and says how to reach it. */
  async ssh({ vm: reference, timeout_s }: Params<"vmSsh">, { signal }: VmRequest) {
    const { records, running, layout } = this.#deps;
    const vm = records.use(reference);
    running.agentOf(vm);
    const gone = running.get(vm.id)?.vmm.lost ?? Promise.resolve();
    await awaitSsh({ host: vm.address, port: 22, timeoutMs: timeout_s * 1000, signal, gone });
    return {
      host: vm.address,
      port: 22,
      user: "root",
      identity_file: layout.sshKey,
      known_hosts_file: layout.vm(vm.id).knownHosts,
      host_key_alias: hostKeyAlias(vm.id),
    };
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

  /** A VM with what only its handle knows. */
  #shown(vm: StoredVm): Vm {
    return { ...vm, health: this.#deps.running.healthOf(vm) };
  }

  /** Finds the VM, begins the operation, takes the lock and checks the state, in this order: what was read before the lock may have changed. */
  #alone(
    reference: string,
    mutation: Mutation,
    request: Request,
    work: (vm: StoredVm, context: OperationContext) => Promise<StoredVm>,
  ): Promise<ChangedVm> {
    const { operations, locks, records } = this.#deps;
    const { id, name } = records.use(reference);
    return operations.run(`vm.${mutation}`, request, (context) =>
      locks.exclusive(
        { id, name },
        mutation,
        async () => {
          const vm = records.must(id);
          if (isAlready(mutation, vm)) return { ...this.#shown(vm), unchanged: true };
          mustAllow(mutation, vm);
          return this.#shown(await work(vm, context));
        },
        context.cancel,
      ),
    );
  }
}

/** A command that was cancelled: its processes are ended, what they did stays done. */
function endedNotUndone({ plain }: BangerError): BangerError {
  return new BangerError("cancelled", `${plain}; the command was ended`, {
    details: { hint: "What it did until then stays done." },
  });
}

/** A failure as a VM's record keeps it. */
function failureOf(error: unknown): NonNullable<Vm["error"]> {
  const code = error instanceof BangerError ? error.code : "internal";
  const message = error instanceof BangerError ? error.plain : error instanceof Error ? error.message : String(error);
  return { code, message, op_id: activeIds()?.opId ?? "" };
}
