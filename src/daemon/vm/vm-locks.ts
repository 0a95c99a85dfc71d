import { setTimeout as delay } from "node:timers/promises";
import { BangerError } from "../../rpc/contract/errors.ts";

/** Ends what holds a lock; what it begun is undone before the lock is free. */
export type Cancel = (reason: BangerError) => void;

interface Held {
  readonly mutation: string;
  readonly cancel: Cancel;
  readonly released: PromiseWithResolvers<void>;
}

/** The VM that is locked. */
interface Named {
  readonly id: string;
  readonly name: string;
}

/** Of a mutation that takes things away, and is bounded by itself. */
const unheard: Cancel = () => undefined;

/** Undoing a mutation takes no longer than this, whatever it waits for. */
const letGoMs = 60_000;

/** One mutation at a time for each VM; different VMs do not wait for each other. */
export class VmLocks {
  readonly #held = new Map<string, Held>();

  /** Runs `work` alone on this VM; refuses at once when another mutation is under way. `cancel` ends it early. */
  async exclusive<T>(vm: Named, mutation: string, work: () => Promise<T>, cancel: Cancel = unheard): Promise<T> {
    const holder = this.#held.get(vm.id)?.mutation;
    if (holder !== undefined) throw busy(vm, holder);
    const released = Promise.withResolvers<void>();
    this.#held.set(vm.id, { mutation, cancel, released });
    try {
      return await work();
    } finally {
      this.#held.delete(vm.id);
      released.resolve();
    }
  }

  /** As `exclusive`, but makes whoever holds the lock let go first; who does the same is waited for. */
  async taking<T>(vm: Named, mutation: string, work: () => Promise<T>, cancel: Cancel): Promise<T> {
    for (let held = this.#held.get(vm.id); held !== undefined; held = this.#held.get(vm.id)) {
      if (held.mutation !== mutation) held.cancel(new BangerError("cancelled", `${mutation} of ${vm.name} ended it`));
      const late = delay(letGoMs, true, { ref: false });
      if ((await Promise.race([held.released.promise, late])) === true) throw busy(vm, held.mutation);
    }
    return this.exclusive(vm, mutation, work, cancel);
  }

  /** As `exclusive`, when whoever holds the lock has let go. */
  async next<T>(vm: Named, mutation: string, work: () => Promise<T>, cancel: Cancel = unheard): Promise<T> {
    // Whoever waits too may be quicker.
    while (this.#held.has(vm.id)) await this.whenFree(vm.id);
    return this.exclusive(vm, mutation, work, cancel);
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

function busy({ name }: Named, holder: string): BangerError {
  return new BangerError("busy", `vm ${name}: ${holder} is under way`, {
    details: { holder, hint: "Try again when it is done; `vm kill` ends a start or a stop." },
  });
}
