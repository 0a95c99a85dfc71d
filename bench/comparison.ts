/** Two ways to do the same, timed in turns in one run. */
export interface Comparison {
  readonly name: string;
  readonly ours: string;
  readonly rival: string;
  /** The ratio that is aimed at, ours over the rival's; or the most that ours may add to the rival's, or be. */
  readonly aim: { readonly ratio: number } | { readonly added: number } | { readonly most: number };
  readonly runs: number;
  /** Of what is measured: milliseconds where nothing is said. */
  readonly unit?: "MiB";
  /** Each resolves with what was measured. */
  readonly measureOurs: () => Promise<number>;
  readonly measureRival: () => Promise<number>;
}

/** Why a comparison can't be made here. */
export interface LeftOut {
  readonly leftOut: string;
}

/** What came of a comparison. */
export interface Outcome {
  readonly comparison: Comparison;
  readonly ours: number;
  readonly rival: number;
}

/** Runs both in turns, a first round for warming up left out; takes each one's median. */
export async function compare(comparison: Comparison): Promise<Outcome> {
  const ours: number[] = [];
  const rival: number[] = [];
  for (let run = -1; run < comparison.runs; run++) {
    const [a, b] = [await comparison.measureRival(), await comparison.measureOurs()];
    if (run < 0) continue;
    rival.push(a);
    ours.push(b);
  }
  return { comparison, ours: median(ours), rival: median(rival) };
}

/** Times what `work` does. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The outcomes as a table. */
export function report(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ comparison, ours, rival }) => {
    const { name, unit = "ms" } = comparison;
    const [figure, aimed, met] = judge(ours, rival, comparison.aim, unit);
    const sides = [comparison.ours, amount(ours, unit), comparison.rival, amount(rival, unit)];
    return [name, ...sides, figure, aimed, met ? "yes" : "no"];
  });
  const table = [["what", "ours", "median", "rival", "median", "ours/rival", "aim", "met"], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length))) ?? [];
  return `${table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")).join("\n")}\n`;
}

function judge(
  ours: number,
  rival: number,
  aim: Comparison["aim"],
  unit: string,
): [figure: string, aimed: string, met: boolean] {
  const ratio = ours / rival;
  const added = ours - rival;
  if ("ratio" in aim) return [ratio.toFixed(3), `≤ ${aim.ratio}`, ratio <= aim.ratio];
  if ("most" in aim) return [ratio.toFixed(3), `≤ ${aim.most} ${unit}`, ours <= aim.most];
  return [`+${added.toFixed(3)} ${unit}`, `≤ +${aim.added} ${unit}`, added <= aim.added];
}

function amount(value: number, unit: string): string {
  return `${value < 10 ? value.toFixed(3) : Math.round(value)} ${unit}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
