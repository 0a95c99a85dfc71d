/** A record of the log, as far as its readers need to know it (docs/reference/logs.md has all). */
export interface LogRecord {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly service?: string;
  readonly op_id?: string;
  readonly [field: string]: unknown;
}

/** The record that a line is; undefined for what is none, as a line that was cut off. */
export function recordOf(line: string): LogRecord | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const record = JSON.parse(line) as Partial<LogRecord>;
    const isRecord = typeof record.time === "string" && typeof record.message === "string";
    return isRecord ? ({ level: "info", ...record } as LogRecord) : undefined;
  } catch {
    return undefined;
  }
}
