/** Cuts text into lines; a line without end is given up, and costs no more than its length until then. */
export class LineReader {
  readonly #longest: number;
  #parts: string[] = [];
  #length = 0;

  /** `longest`: in characters. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The lines that `text` completes; throws what `tooLong` makes. */
  *push(text: string, tooLong: () => Error): Generator<string> {
    let at = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", at)) {
      const line = this.#parts.join("") + text.slice(at, end);
      this.#parts = [];
      this.#length = 0;
      at = end + 1;
      if (line.length > this.#longest) throw tooLong();
      yield line;
    }
    if (at === text.length) return;
    this.#length += text.length - at;
    if (this.#length > this.#longest) throw tooLong();
    this.#parts.push(text.slice(at));
  }
}
