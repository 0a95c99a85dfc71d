import { createReadStream, existsSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { Vm, vmContract } from "../../rpc/contract/vm.ts";
import { activeIds, type Spans } from "../../telemetry/spans.ts";
import type { Logger } from "../../telemetry/log.ts";
import { awaitSsh } from "../ssh/await-ssh.ts";
import { hostKeyAlias } from "../ssh/ssh-keys.ts";
import type { OperationContext } from "../step/step-runner.ts";
import { createVm, type CreateDeps } from "./lifecycle/create.ts";
import { deleteVm } from "./lifecycle/delete.ts";
import { type EndDeps, endVm } from "./lifecycle/end.ts";
import { type StartDeps, startVm } from "./lifecycle/start.ts";
import { stopVm } from "./lifecycle/stop.ts";
import { mustAllow } from "./state.ts";
import type { VmLocks } from "./vm-locks.ts";
import { watchVm } from "./watch.ts";

/** What the VM service needs. */
export interface VmServiceDeps extends CreateDeps, StartDeps, EndDeps {
  readonly locks: VmLocks;
  readonly spans: Spans;
  readonly log: Logger;
}

type Params<M extends keyof typeof vmContract> = ParamsOf<(typeof vmContract)[M]>;

/** What a request to a VM knows of its caller. */
export type VmRequest = OperationContext & { readonly input: AsyncIterable<Uint8Array> };

/** Everything that is done with VMs: finds the one that is meant, takes its lock, and hands over to the lifecycle. */
export class VmService {
  readonly #deps: VmServiceDeps;

  constructor(deps: VmServiceDeps) {
    this.#deps = deps;
  }

  list(): Vm[] {
    return this.#deps.records.list();
  }

  show(reference: string): Vm {
    return this.#deps.records.use(reference);
  }

  async create(params: Params<"vmCreate">, context: OperationContext): Promise<Vm> {
    await this.#deps.records.mustHaveRoom();
    return createVm(this.#deps, params, context);
  }

  async start({ vm: reference }: Params<"vmStart">, context: OperationContext): Promise<Vm> {
    await this.#deps.records.mustHaveRoom();
    return this.#alone(reference, "start", async (vm) => {
      try {
        const started = await startVm(this.#deps, vm, context);
        watchVm(this.#deps, started);
        return started;
      } catch (error) {
        this.#deps.records.update(vm.id, {
          state: vm.state === "created" ? "created" : "stopped",
          pid: null,
          started_at: null,
          error: failureOf(error),
        });
        throw error;
      }
    });
  }

  stop({ vm: reference, timeout_s }: Params<"vmStop">, context: OperationContext): Promise<Vm> {
    return this.#alone(reference, "stop", (vm) => stopVm(this.#deps, vm, timeout_s, context));
  }

  kill({ vm: reference }: Params<"vmKill">, context: OperationContext): Promise<Vm> {
    return this.#alone(reference, "kill", (vm) => this.#kill(vm, "vm.kill", context));
  }

  async delete(
    { vm: reference, force }: Params<"vmDelete">,
    context: OperationContext,
  ): Promise<{ id: string; name: string }> {
    const named = this.#deps.records.use(reference);
    return this.#deps.locks.exclusive(named, "delete", async () => {
      const vm = this.#deps.records.must(named.id);
      const ended = force && vm.state === "running" ? await this.#kill(vm, "vm.delete", context) : vm;
      mustAllow("delete", ended);
      await deleteVm(this.#deps, ended, context);
      return { id: vm.id, name: vm.name };
    });
  }

  /** Runs a command in the guest; its output goes out as events, as fast as the caller takes them. */
  async exec(
    params: Params<"vmExec">,
    { signal, emit, input }: VmRequest,
  ): Promise<{ exit_code: number | null; signal: number | null }> {
    const agent = this.#deps.running.agentOf(this.#deps.records.use(params.vm));
    const send = (event: string) => (bytes: Uint8Array) => emit(event, Buffer.from(bytes).toString("base64"));
    const end = await agent.exec({
      argv: params.argv,
      env: params.env,
      ...(params.cwd === undefined ? {} : { cwd: params.cwd }),
      ...(params.user === undefined ? {} : { user: params.user }),
      ...(params.stdin ? { stdin: input } : {}),
      onStdout: send("stdout"),
      onStderr: send("stderr"),
      signal,
    });
    return { exit_code: end.exitCode, signal: end.signal };
  }

  /** Sends the serial console's log; with `follow` it goes on until the caller leaves or the VM ends. */
  async logs({ vm: reference, follow }: Params<"vmLogs">, { signal, emit }: VmRequest): Promise<{ bytes: number }> {
    const vm = this.#deps.records.use(reference);
    const live = this.#deps.running.get(vm.id)?.vmm.console;
    const file = this.#deps.layout.vm(vm.id).consoleLog;
    let bytes = 0;
    const chunks = live?.read({ follow, signal }) ?? (existsSync(file) ? createReadStream(file) : []);
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      bytes += (chunk as Buffer).length;
      await emit("data", Buffer.from(chunk as Buffer).toString("base64"));
    }
    return { bytes };
  }

  /** Waits until the guest's ssh server greets, and says how to reach it. */
  async ssh({ vm: reference, timeout_s }: Params<"vmSsh">, { signal }: VmRequest) {
    const { records, running, layout } = this.#deps;
    const vm = records.use(reference);
    running.agentOf(vm);
    const gone = running.get(vm.id)?.vmm.exited ?? Promise.resolve();
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

  #kill(vm: Vm, operation: "vm.kill" | "vm.delete", context: OperationContext): Promise<Vm> {
    const stopping = this.#deps.records.update(vm.id, { state: "stopping" });
    return endVm(this.#deps, operation, stopping, { state: "stopped", error: null }, context);
  }

  /** Finds the VM, takes its lock and checks its state, in this order: what was read before the lock may have changed. */
  async #alone<T>(reference: string, mutation: "start" | "stop" | "kill", work: (vm: Vm) => Promise<T>): Promise<T> {
    const { id, name } = this.#deps.records.use(reference);
    return this.#deps.locks.exclusive({ id, name }, mutation, async () => {
      const vm = this.#deps.records.must(id);
      mustAllow(mutation, vm);
      return work(vm);
    });
  }
}

/** A failure as a VM's record keeps it. */
function failureOf(error: unknown): NonNullable<Vm["error"]> {
  const code = error instanceof BangerError ? error.code : "internal";
  const message = error instanceof BangerError ? error.plain : error instanceof Error ? error.message : String(error);
  return { code, message, op_id: activeIds()?.opId ?? "" };
}
