/** What changes now and then, however seldom, and who waits for that. Of who waits no more nothing is kept. */
export class Changes {
  readonly #waiting = new Set<() => void>();

  /** Resolves when the next one comes, or `signal` aborts. */
  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#waiting.delete(end);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      this.#waiting.add(end);
      signal?.addEventListener("abort", end);
      if (signal?.aborted) end();
    });
  }

  /** One has come. */
  came(): void {
    for (const end of this.#waiting) end();
  }
}
