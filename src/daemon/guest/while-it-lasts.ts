/** Something that lasts until it ends with an error, and who waits for anything of it. Of who waits no more nothing is kept, as a race with a promise would. */
export class WhileItLasts {
  readonly #waiting = new Set<(error: Error) => void>();
  #ended: Error | undefined;

  /** What the work brings, or the error that it ends with before that. */
  async wait<T>(work: Promise<T>): Promise<T> {
    const end = Promise.withResolvers<never>();
    this.#waiting.add(end.reject);
    if (this.#ended !== undefined) end.reject(this.#ended);
    try {
      return await Promise.race([work, end.promise]);
    } finally {
      this.#waiting.delete(end.reject);
    }
  }

  end(error: Error): void {
    this.#ended = error;
    for (const reject of this.#waiting) reject(error);
  }
}
