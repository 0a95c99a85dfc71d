import type { SpanRecord } from "../../telemetry/span-record.ts";
import { printableLine } from "../../rpc/printable.ts";
import { cutTo, padTo, textWidth } from "./text-width.ts";
import { duration } from "./units.ts";

/** How a waterfall may look. */
export interface WaterfallOptions {
  /** Characters of a line. */
  readonly columns: number;
  readonly colour: boolean;
}

interface Row {
  readonly span: SpanRecord;
  readonly depth: number;
}

const colours: Record<string, string> = { banger: "36", bangerd: "32", "bangerd-root": "33", guest: "35" };
const red = "31";
const dim = "2";
const serviceWidth = "bangerd-root".length;
const durationWidth = 9;
/** In less, who did it is left out; in still less, the bars are too. */
const leastWithService = 60;
const leastWithBars = 40;
/** A name is readable with so many; what is narrower wraps. */
const leastName = 8;
/** One column in ASCII too. */
const cutMark = "~";

/** A trace as a tree with a bar for each span's time. */
export function waterfall(opId: string, spans: readonly SpanRecord[], options: WaterfallOptions): string {
  const rows = treeOf(spans);
  const begin = Math.min(...spans.map((span) => ms(span.start_ns, spans)));
  const end = Math.max(...spans.map((span) => ms(span.end_ns, spans)));
  const total = Math.max(end - begin, 0.001);
  const labels = rows.map(({ span, depth }) => `${"  ".repeat(depth)}${printableLine(span.name)}`);
  const { columns } = options;
  const withService = columns >= leastWithService;
  // A line that fills the last column is wrapped by some terminals.
  const room = Math.max(columns - durationWidth - 2 - (withService ? serviceWidth + 1 : 0), leastName);
  const longest = Math.max(...labels.map(textWidth));
  const nameWidth = Math.min(longest, columns < leastWithBars ? room : Math.floor((room - 1) * 0.6));
  const barWidth = columns < leastWithBars ? 0 : room - 1 - nameWidth;
  const paint = (code: string | undefined, text: string) =>
    options.colour && code !== undefined && text !== "" ? `\u001b[${code}m${text}\u001b[0m` : text;

  const lines = rows.map(({ span }, index) => {
    const from = ms(span.start_ns, spans) - begin;
    const took = ms(span.end_ns, spans) - begin - from;
    const failed = span.status === "error";
    const colour = failed ? red : colours[span.service];
    const cells = [
      ...(withService ? [paint(colours[span.service], padTo(span.service, serviceWidth))] : []),
      paint(failed ? red : undefined, padTo(cutTo(labels[index] ?? "", nameWidth, cutMark), nameWidth)),
      ...(barWidth === 0 ? [] : [paint(colour, barOf(from / total, took / total, barWidth))]),
      duration(took).padStart(durationWidth),
    ];
    return cells.join(" ").trimEnd();
  });
  const failures = rows
    .filter(({ span }, index) => span.status === "error" && isDeepest(rows, index))
    .map(({ span }) => paint(red, `  ✗ ${failureOf(span)}`));
  const root = rows[0]?.span;
  const title = `${opId}  ${printableLine(root?.name ?? "")}  ${duration(total)}  ${root?.status === "error" ? paint(red, "error") : "ok"}`;
  return `${[title, paint(dim, `${rows.length} spans, ${root === undefined ? "" : started(root)}`), ...lines, ...failures].join("\n")}\n`;
}

/** The spans in the order of a tree, children by their start. A span whose parent isn't there stands at the top. */
function treeOf(spans: readonly SpanRecord[]): Row[] {
  const known = new Set(spans.map((span) => span.span_id));
  const byParent = Map.groupBy(spans, (span) =>
    span.parent_span_id !== undefined && known.has(span.parent_span_id) ? span.parent_span_id : "",
  );
  const rows: Row[] = [];
  const add = (parent: string, depth: number) => {
    const children = byParent.get(parent) ?? [];
    // Each parent's children are taken once, so that spans that name each other end.
    byParent.delete(parent);
    for (const span of children.toSorted((a, b) => Number(BigInt(a.start_ns) - BigInt(b.start_ns)))) {
      rows.push({ span, depth });
      add(span.span_id, depth + 1);
    }
  };
  add("", 0);
  return rows;
}

/** True when a failed span has no failed child: the cause, not those who passed it on. */
function isDeepest(rows: readonly Row[], index: number): boolean {
  const depth = rows[index]?.depth ?? 0;
  for (const row of rows.slice(index + 1)) {
    if (row.depth <= depth) return true;
    if (row.span.status === "error") return false;
  }
  return true;
}

/** Milliseconds since the first span's begin, exact although nanoseconds are not. */
function ms(ns: string, spans: readonly SpanRecord[]): number {
  return Number(BigInt(ns) - BigInt(spans[0]?.start_ns ?? "0")) / 1e6;
}

function barOf(from: number, share: number, width: number): string {
  const start = Math.min(Math.floor(from * width), width - 1);
  const length = Math.max(1, Math.min(Math.round(share * width), width - start));
  const block = share * width < 0.5 ? "▏" : "█".repeat(length);
  return `${" ".repeat(start)}${block}`.padEnd(width);
}

/** What failed and why; most messages begin with the name of what failed. */
function failureOf({ name, status_message: why = "failed" }: SpanRecord): string {
  return printableLine(why.startsWith(`${name}: `) ? why : `${name}: ${why}`, " | ");
}

function started(span: SpanRecord): string {
  return new Date(Number(BigInt(span.start_ns) / 1_000_000n)).toISOString();
}
