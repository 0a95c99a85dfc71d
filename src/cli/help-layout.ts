import { columns } from "./output/table.ts";

/** Less than so many columns for the texts beside the names, and they go below them. */
const leastTextColumns = 30;
const below = "      ";

/** Names with a text each, in lines of so many columns where that is known. A name is never cut: it can be copied. */
export function rowsIn(rows: readonly (readonly [name: string, text: string])[], width: number | undefined): string {
  if (width === undefined) return columns(rows);
  const names = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows
    .map(([name, text]) =>
      width - names < leastTextColumns
        ? `${name}\n${wrapped(text, width, below)}\n`
        : `${name.padEnd(names)}${wrapped(text, width, " ".repeat(names)).trimStart()}\n`,
    )
    .join("");
}

/** A text in lines of so many columns; a longer word has a line of its own. */
export function wrapped(text: string, width: number | undefined, indent = ""): string {
  if (width === undefined) return `${indent}${text}`;
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line !== indent && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}
