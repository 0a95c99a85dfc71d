import { writeSync } from "node:fs";
import { reportError } from "./report-error.ts";

/** What nobody caught ends the process in one line and the table's exit code, as any error does; never in a stack trace. */
export function exitOnBug(): void {
  process.on("uncaughtException", (error) => process.exit(reportError(error, process.argv.includes("--json"), say)));
}

function say(text: string | Uint8Array): void {
  try {
    writeSync(2, Buffer.from(text));
  } catch {
    // Standard error is closed, or full: nobody reads it.
  }
}
