import { BangerError } from "../../rpc/contract/errors.ts";

/** One mutation at a time for each VM; different VMs do not wait for each other. */
export class VmLocks {
  readonly #held = new Map<string, string>();

  /** Runs `work` alone on this VM; refuses at once when another mutation is under way. */
  async exclusive<T>(vm: { id: string; name: string }, mutation: string, work: () => Promise<T>): Promise<T> {
    const holder = this.#held.get(vm.id);
    if (holder !== undefined) {
      throw new BangerError("busy", `vm ${vm.name}: ${holder} is under way`, { details: { holder } });
    }
    this.#held.set(vm.id, mutation);
    try {
      return await work();
    } finally {
      this.#held.delete(vm.id);
    }
  }

  /** True while a mutation is under way. */
  isHeld(vmId: string): boolean {
    return this.#held.has(vmId);
  }
}
