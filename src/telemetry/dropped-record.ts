/** Where records may be dropped, and how many were since the process began. */
export interface Drops {
  readonly dropped: number;
}

/** The line that stands where records are missing. */
export function droppedRecord(dropped: number): string {
  const record = { level: "warn", time: new Date().toISOString(), pid: process.pid, dropped };
  return `${JSON.stringify({ ...record, message: "records were dropped: they could not be written" })}\n`;
}
