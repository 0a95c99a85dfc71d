import type { Store } from "../store/store.ts";

/** What keeping it needs. */
export interface LastUsesDeps {
  readonly database: Pick<Store, "prepare" | "writeUnlessFull">;
  readonly now: () => Date;
  readonly complain: (error: unknown) => void;
}

/** It is written so much later. */
const flushAfterMs = 1_000;

/** When VMs were last used, as far as it isn't written yet: nobody waits for the disk. */
export class LastUses {
  readonly #deps: LastUsesDeps;
  readonly #used = new Map<string, string>();
  #flushing: NodeJS.Timeout | undefined;

  constructor(deps: LastUsesDeps) {
    this.#deps = deps;
  }

  /** A VM is used now. */
  touch(vmId: string): void {
    this.#used.set(vmId, this.#deps.now().toISOString());
    this.#flushing ??= setTimeout(() => this.flush(), flushAfterMs).unref();
  }

  /** When it was used, where that isn't written yet. */
  of(vmId: string): string | undefined {
    return this.#used.get(vmId);
  }

  /** Writes them. What can't be written now, on a full disk say, is written the next time. */
  flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    const { database, complain } = this.#deps;
    try {
      database.writeUnlessFull(() => {
        const write = database.prepare("UPDATE vms SET last_used_at = ? WHERE id = ?");
        for (const [id, at] of this.#used) write.run(at, id);
      });
      this.#used.clear();
    } catch (error) {
      complain(error);
    }
  }
}
