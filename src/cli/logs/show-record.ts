import { printable, printableLine } from "../../rpc/printable.ts";
import type { SpanRecord } from "../../telemetry/span-record.ts";
import type { LogRecord } from "./log-record.ts";

/** What every line has in its first columns, or what the operation's heading says already. */
const elsewhere: ReadonlySet<string> = new Set(
  "level time service pid message trace_id span_id trace_flags banger.vm.id spans peer".split(" "),
);
/** What is of several lines stands below its record's. */
const blocks = ["console", "stderr"] as const;
const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const longest = 400;

/** A record as a person reads it; `withOp` where records are of several operations. */
export function showRecord(record: LogRecord, withOp: boolean): string {
  const { err } = record as { err?: { message?: unknown } };
  const fields = Object.entries(record).flatMap(([name, value]) => {
    if (elsewhere.has(name) || name === "err" || (blocks as readonly string[]).includes(name)) return [];
    // A request's method is its operation.
    if ((name === "op_id" && !withOp) || (name === "method" && record["operation"] === value)) return [];
    return [`${name}=${textOf(value)}`];
  });
  const said = err === undefined ? fields : [...fields, `err=${textOf(err.message ?? err)}`];
  const level = record.level === "info" ? "" : `${record.level.toUpperCase()} `;
  const head = `${timeOf(Date.parse(record.time))}  ${(record.service ?? "bangerd").padEnd(12)}  `;
  const lines = blocks.flatMap((name) => blockOf(name, record[name]));
  return `${head}${level}${printableLine(record.message)}${said.length === 0 ? "" : `  ${said.join(" ")}`}\n${lines.join("")}`;
}

/** A span, where it began. */
export function showSpan(span: SpanRecord): string {
  const startMs = Number(BigInt(span.start_ns) / 1_000_000n);
  const took = (Number(BigInt(span.end_ns) - BigInt(span.start_ns)) / 1e6).toFixed(1);
  const failed = span.status === "error" ? `  failed: ${textOf(span.status_message ?? "")}` : "";
  return `${timeOf(startMs)}  ${printableLine(span.service).padEnd(12)}  ▏${printableLine(span.name)}  ${took} ms${failed}\n`;
}

function timeOf(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${months[at.getMonth()]} ${two(at.getDate())} ${clock}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function textOf(value: unknown): string {
  const text = printableLine(typeof value === "string" ? value : JSON.stringify(value), " | ");
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function blockOf(name: string, value: unknown): string[] {
  if (typeof value !== "string") return [];
  const lines = printable(value).trimEnd().split("\n");
  return lines.map((line) => `    ${name} | ${line}\n`);
}
