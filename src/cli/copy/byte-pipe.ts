/** Bytes on their way from whoever has them to whoever takes them, a piece at a time: the next is asked for when one is taken. */
export class BytePipe {
  #piece: Buffer | undefined;
  #over = false;
  #failure: unknown;
  #moved = Promise.withResolvers<void>();

  /** Gives a piece; resolves when it is taken. Rejects with why nobody takes any more. */
  async push(bytes: Buffer): Promise<void> {
    this.#piece = bytes;
    this.#move();
    while (this.#piece === bytes && this.#failure === undefined) await this.#moved.promise;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** There is no more. */
  end(): void {
    this.#over = true;
    this.#move();
  }

  /** Nobody takes any more, or there will be no more: both sides hear why. */
  fail(why: unknown): void {
    this.#failure ??= why;
    this.#move();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const piece = this.#piece;
      if (piece !== undefined) {
        this.#piece = undefined;
        this.#move();
        yield piece;
      } else if (this.#over) return;
      else await this.#moved.promise;
    }
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }
}
