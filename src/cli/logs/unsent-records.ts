import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { services } from "../../telemetry/names.ts";
import type { LogRecord } from "./log-record.ts";

/** As src/cli/unsent.ts bounds it. */
const maxBytes = 64 * 1024;

/** What commands failed with that found no daemon that answers, and that waits for one: a record of each. */
export function unsentRecords(directory: string): LogRecord[] {
  return namesIn(directory)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => recordIn(join(directory, name)) ?? [])
    .toSorted((a, b) => (a.time < b.time ? -1 : 1));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // The CLI makes it when it has something to leave.
    return [];
  }
}

function recordIn(path: string): LogRecord | undefined {
  try {
    if (statSync(path).size > maxBytes) return undefined;
    const { op_id, operation, began, at, code, reason } = JSON.parse(readFileSync(path, "utf8")) as Record<
      string,
      string
    >;
    if (op_id === undefined || at === undefined) return undefined;
    const fields = { time: at, service: services.cli, op_id, operation, ...(began === undefined ? {} : { began }) };
    return code === undefined
      ? { level: "info", ...fields, message: "operation completed" }
      : { level: "warn", ...fields, code, reason, message: "operation failed" };
  } catch {
    // A daemon took it meanwhile, or it is none.
    return undefined;
  }
}
