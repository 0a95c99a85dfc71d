import { cutTo } from "./text-width.ts";
import { ownTerminal } from "./terminal.ts";

const clear = "\u001b[2J";
const home = "\u001b[H";
const restOfLine = "\u001b[K";
const restOfScreen = "\u001b[J";

/** Of a terminal that doesn't say. */
const rowsOfTerminal = 24;

/** What a terminal has room for; no rows, or none that are a number, where it doesn't say. */
export interface ScreenSize {
  readonly rows: number;
  readonly columns: number;
}

function ownSize(): ScreenSize {
  return { rows: process.stdout.rows, columns: ownTerminal().columns };
}

/** A text that is shown in place on a terminal, over what was there before. */
export class Screen {
  readonly #now: () => ScreenSize;
  #drawn = false;

  /** `now`: how large the terminal is now. */
  constructor(now: () => ScreenSize = ownSize) {
    this.#now = now;
  }

  /** What is written to show the text: as much of it as fits, a line a row. */
  next(text: string): string {
    const { rows, columns } = this.#now();
    const lines = text
      .trimEnd()
      .split("\n")
      .slice(0, Math.max(1, (rows || rowsOfTerminal) - 1));
    const shown = lines.map((line) => `${cutTo(line, columns, "~")}${restOfLine}\n`).join("");
    const before = this.#drawn ? home : `${clear}${home}`;
    this.#drawn = true;
    return `${before}${shown}${restOfScreen}`;
  }
}
