import { BangerError } from "../../rpc/contract/errors.ts";

interface Held {
  readonly mutation: string;
  readonly released: PromiseWithResolvers<void>;
}

/** One mutation at a time for each VM; different VMs do not wait for each other. */
export class VmLocks {
  readonly #held = new Map<string, Held>();

  /** Runs `work` alone on this VM; refuses at once when another mutation is under way. */
  async exclusive<T>(vm: { id: string; name: string }, mutation: string, work: () => Promise<T>): Promise<T> {
    const holder = this.#held.get(vm.id)?.mutation;
    if (holder !== undefined) {
      throw new BangerError("busy", `vm ${vm.name}: ${holder} is under way`, { details: { holder } });
    }
    const released = Promise.withResolvers<void>();
    this.#held.set(vm.id, { mutation, released });
    try {
      return await work();
    } finally {
      this.#held.delete(vm.id);
      released.resolve();
    }
  }

  /** True while a mutation is under way. */
  isHeld(vmId: string): boolean {
    return this.#held.has(vmId);
  }

  /** Resolves when no mutation is under way. */
  async whenFree(vmId: string): Promise<void> {
    for (let held = this.#held.get(vmId); held !== undefined; held = this.#held.get(vmId)) await held.released.promise;
  }
}
