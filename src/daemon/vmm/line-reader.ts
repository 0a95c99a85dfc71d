/** Cuts text into lines; a line without end is given up, and costs no more than its length until then. */
export class LineReader {
  readonly #longest: number;
  #parts: string[] = [];
  #length = 0;

  /** `longest`: in characters. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The lines that `text` completes; of one that is too long throws what `tooLong` makes, or passes it over. */
  *push(text: string, tooLong?: () => Error): Generator<string> {
    let at = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", at)) {
      const length = this.#length + end - at;
      const line = this.#parts.join("") + text.slice(at, end);
      this.#parts = [];
      this.#length = 0;
      at = end + 1;
      if (length <= this.#longest) yield line;
      else if (tooLong !== undefined) throw tooLong();
    }
    if (at === text.length) return;
    this.#length += text.length - at;
    if (this.#length <= this.#longest) this.#parts.push(text.slice(at));
    else if (tooLong !== undefined) throw tooLong();
    else this.#parts = [];
  }
}
