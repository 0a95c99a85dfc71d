import { printableLine } from "../../rpc/printable.ts";
import type { Run } from "../host/run-program.ts";

const lastLines = 10;
const longest = 4_000;

/** What units said last, from the journal, as a person reads it; empty where the caller may not read that, or nothing is there. */
export async function lastWordsOf(run: Run, units: readonly string[]): Promise<string> {
  const asked = [...units.map((unit) => `--unit=${unit}`), `--lines=${lastLines}`];
  const { stdout } = await run("/usr/bin/journalctl", [...asked, "--output=cat", "--no-pager", "--quiet"]);
  return stdout.trimEnd().split("\n").map(readable).join("\n").slice(-longest);
}

/** The last of these lines in which a service says why it ended; undefined where none does. */
export function whyItEnded(words: string): string | undefined {
  return words.split("\n").findLast((line) => /^bangerd(-root)?: |^\S+ (ERROR|FATAL) /.test(line));
}

/** A record of a service's log as a line: when, how bad, what, and the error. What is none stays as it is. */
export function readable(line: string): string {
  const record = recordOf(line);
  if (record === undefined) return line;
  const { time, level = "info", message, err, reason } = record;
  const why = textOf((err as { message?: unknown } | undefined)?.message ?? err ?? reason);
  const severity = level === "info" ? "" : `${textOf(level).toUpperCase()} `;
  return `${textOf(time)} ${severity}${textOf(message)}${why === "" ? "" : `: ${why}`}`;
}

function recordOf(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const record = JSON.parse(line) as Record<string, unknown>;
    return typeof record["message"] === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  return printableLine(typeof value === "string" ? value : JSON.stringify(value), " | ");
}
