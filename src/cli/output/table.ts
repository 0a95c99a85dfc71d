/** Rows in columns, as wide as their longest cell; the last column is left as it is. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return rows
    .map((row) => {
      const cells = row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)));
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
