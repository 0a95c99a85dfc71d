import { Changes } from "../changes.ts";

/** Who hears of uses. */
export interface UsesDeps {
  /** A VM is used now. */
  readonly touch: (vmId: string) => void;
  /** The first attaches to a VM, or the last leaves. */
  readonly held: (vmId: string, is: boolean) => void;
}

/** Which VMs somebody is attached to: a command, a copy, a console, a shell. */
export class Uses {
  readonly #held = new Map<string, number>();
  readonly #deps: UsesDeps;
  readonly #changes = new Changes();

  constructor(deps: UsesDeps) {
    this.#deps = deps;
  }

  /** Somebody is attached to a VM until what this returns is disposed of; that moment is its last use. */
  hold(vmId: string): Disposable {
    this.#count(vmId, 1);
    return {
      [Symbol.dispose]: () => {
        this.#deps.touch(vmId);
        this.#count(vmId, -1);
      },
    };
  }

  isHeld(vmId: string): boolean {
    return this.#held.has(vmId);
  }

  /** Resolves when somebody comes or goes. */
  changed(signal?: AbortSignal): Promise<void> {
    return this.#changes.next(signal);
  }

  #count(vmId: string, by: 1 | -1): void {
    const before = this.#held.get(vmId) ?? 0;
    const count = before + by;
    if (count === 0) this.#held.delete(vmId);
    else this.#held.set(vmId, count);
    if (before === 0 || count === 0) this.#deps.held(vmId, count > 0);
    this.#changes.came();
  }
}
