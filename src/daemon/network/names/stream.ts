/** A message as TCP carries it: behind its length (RFC 1035, 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes messages out of a stream; holds one that isn't whole yet. */
export class Unframer {
  readonly #most: number;
  #held = Buffer.alloc(0);

  constructor(most: number) {
    this.#most = most;
  }

  /** The messages that are whole now; throws when one is longer than is taken here. */
  push(bytes: Buffer): Buffer[] {
    this.#held = Buffer.concat([this.#held, bytes]);
    const whole: Buffer[] = [];
    while (this.#held.length >= 2) {
      const length = this.#held.readUInt16BE(0);
      if (length > this.#most) throw new Error(`a message of ${length} bytes`);
      if (this.#held.length < 2 + length) break;
      whole.push(this.#held.subarray(2, 2 + length));
      this.#held = this.#held.subarray(2 + length);
    }
    return whole;
  }
}
