/** Which VMs somebody is attached to: a command, a copy, a console, a shell. */
export class Uses {
  readonly #held = new Map<string, number>();
  readonly #touch: (vmId: string) => void;
  #change = Promise.withResolvers<void>();

  /** `touch`: the VM is used now. */
  constructor(touch: (vmId: string) => void) {
    this.#touch = touch;
  }

  /** Somebody is attached to a VM until what this returns is disposed of; that moment is its last use. */
  hold(vmId: string): Disposable {
    this.#count(vmId, 1);
    return {
      [Symbol.dispose]: () => {
        this.#touch(vmId);
        this.#count(vmId, -1);
      },
    };
  }

  isHeld(vmId: string): boolean {
    return this.#held.has(vmId);
  }

  /** Resolves when somebody comes or goes. */
  get changed(): Promise<void> {
    return this.#change.promise;
  }

  #count(vmId: string, by: 1 | -1): void {
    const count = (this.#held.get(vmId) ?? 0) + by;
    if (count === 0) this.#held.delete(vmId);
    else this.#held.set(vmId, count);
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
