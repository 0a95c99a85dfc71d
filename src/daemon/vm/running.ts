import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";
import type { AgentClient } from "../guest/agent-client.ts";
import type { VmmConnection } from "../vmm/driver.ts";

/** What the daemon holds of a VM whose VMM runs: a cache that reconcile rebuilds, never the record. */
export interface RunningVm {
  readonly generation: number;
  readonly vmm: VmmConnection;
  agent?: AgentClient;
}

/** The VMs whose VMM this daemon is connected to. */
export class RunningVms {
  readonly #byId = new Map<string, RunningVm>();

  get(vmId: string): RunningVm | undefined {
    return this.#byId.get(vmId);
  }

  put(vmId: string, running: RunningVm): void {
    this.#byId.set(vmId, running);
  }

  /** Closes and forgets the connection to a VM, when it is of this generation or an older one. */
  drop(vmId: string, generation: number): void {
    const running = this.#byId.get(vmId);
    if (running === undefined || running.generation > generation) return;
    this.#byId.delete(vmId);
    running.agent?.close();
    running.vmm.close();
  }

  /** The agent of a VM that runs. */
  agentOf(vm: Vm): AgentClient {
    const running = this.#byId.get(vm.id);
    if (vm.state !== "running" || running?.agent === undefined) {
      throw new BangerError("wrong_state", `vm ${vm.name} is ${vm.state}, not running; start it first`, {
        details: { state: vm.state },
      });
    }
    return running.agent;
  }

  close(): void {
    for (const [id, running] of this.#byId) this.drop(id, running.generation);
  }
}
