import { printableLine } from "../../rpc/printable.ts";
import { padTo, textWidth } from "./text-width.ts";

/** Rows in columns, as wide as their longest cell; the last column is left as it is. A cell is one line, whatever is in it. */
export function columns(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map((cell) => printableLine(cell)));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, textWidth(cell));
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, index) => (index === row.length - 1 ? cell : padTo(cell, widths[index] ?? 0)));
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}

/** A table with a header; with no rows, what there is none of. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  return rows.length === 0 ? `${none}\n` : columns([header, ...rows]);
}

/** The fields of one thing, a line each; what is null or empty is left out. */
export function fields(pairs: readonly (readonly [string, string | number | null])[]): string {
  return columns(
    pairs.filter(([, value]) => value !== null && value !== "").map(([name, value]) => [name, String(value)]),
  );
}
