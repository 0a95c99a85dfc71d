import { cutTo } from "./text-width.ts";
import type { Terminal } from "./terminal.ts";

const clear = "\u001b[2J";
const home = "\u001b[H";
const restOfLine = "\u001b[K";
const restOfScreen = "\u001b[J";

/** A text that is shown in place on a terminal, over what was there before. */
export class Screen {
  readonly #terminal: Pick<Terminal, "columns">;
  readonly #rows: () => number;
  #drawn = false;

  /** `rows`: how many lines the terminal has now. */
  constructor(terminal: Pick<Terminal, "columns">, rows = () => process.stdout.rows) {
    this.#terminal = terminal;
    this.#rows = rows;
  }

  /** What is written to show the text: as much of it as fits, a line a row. */
  next(text: string): string {
    const lines = text
      .trimEnd()
      .split("\n")
      .slice(0, Math.max(1, this.#rows() - 1));
    const shown = lines.map((line) => `${cutTo(line, this.#terminal.columns, "~")}${restOfLine}\n`).join("");
    const before = this.#drawn ? home : `${clear}${home}`;
    this.#drawn = true;
    return `${before}${shown}${restOfScreen}`;
  }
}
