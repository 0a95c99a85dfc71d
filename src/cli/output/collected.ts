/** Bytes that come in pieces, kept in one buffer: of many small ones each would cost more than what it holds. */
export class Collected {
  #held = Buffer.alloc(0);
  #length = 0;

  get bytes(): Buffer {
    return this.#held.subarray(0, this.#length);
  }

  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#held.length, length));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    this.#held.set(piece, this.#length);
    this.#length = length;
  }
}
