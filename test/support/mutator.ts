/** Numbers at whose edges parsers break. */
const edges = [
  0, 1, 2, 3, 4, 5, 15, 16, 17, 127, 128, 255, 256, 16_383, 16_384, 16_385, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];

/** Odd bytes out of good ones, the same for the same seed. */
export class Mutator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** A whole number below `limit` (mulberry32). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  bytes(most: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(most + 1) }, () => this.below(256)));
  }

  number(): number {
    return this.below(3) === 0 ? this.below(2 ** 32) : this.pick(edges);
  }

  /** Bits turned, numbers put over it, parts left out, doubled, cut off; now and then nothing. */
  mutate(good: Buffer): Buffer {
    let bytes = Buffer.from(good);
    for (let times = this.below(4); times > 0 && bytes.length > 0; times--) {
      const [at, to] = [this.below(bytes.length), this.below(bytes.length + 1)].toSorted((a, b) => a - b) as [
        number,
        number,
      ];
      switch (this.below(6)) {
        case 0:
          bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
          break;
        case 1:
          if (at + 4 <= bytes.length) bytes.writeUInt32LE(this.number(), at);
          break;
        case 2:
          bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
          break;
        case 3:
          bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
          break;
        case 4:
          bytes = bytes.subarray(0, at);
          break;
        default:
          bytes = Buffer.concat([bytes.subarray(0, at), this.bytes(40), bytes.subarray(at)]);
      }
    }
    return bytes;
  }

  /** Cut as a socket may deliver it. */
  *cut(bytes: Buffer): Generator<Buffer> {
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + this.below(this.pick([1, 8, 64, 70_000]));
      yield bytes.subarray(at, at + length);
      at += length;
    }
  }

  /** Text of JSON out of an object, of which a value here and there is another. */
  json(value: unknown): string {
    return this.mutate(Buffer.from(JSON.stringify(this.#vary(value)))).toString("latin1");
  }

  #vary(value: unknown): unknown {
    if (this.below(8) === 0)
      return this.pick<unknown>([null, "", 0, -1, 1e308, [], {}, [[]], true, { toString: 1 }, "\u001b[2J\u202e"]);
    if (Array.isArray(value)) return value.map((item) => this.#vary(item));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [
      this.below(20) === 0 ? this.pick(["__proto__", "constructor", "toString", "id"]) : key,
      this.#vary(item),
    ]);
    return Object.fromEntries(entries) as unknown;
  }
}
