import { spawnSync } from "node:child_process";
import { journalEntry } from "../../telemetry/journal-entry.ts";
import type { LogFields } from "../../telemetry/log-fields.ts";

/** A journal that has taken nothing in so long won't. */
const waitMs = 2_000;

/**
 * Writes what root did into the journal, where no daemon is there to write it down: after an installation that failed, say, whose op_id would
 * lead nowhere. It goes by logger(1), as nothing native is loaded here; where there is no journal, or one that hangs, nothing is written.
 */
export function toJournal(records: readonly LogFields[], logger = "/usr/bin/logger"): void {
  if (process.geteuid?.() !== 0) return;
  for (const record of records) {
    const { error } = spawnSync(logger, ["--journald"], {
      input: entryOf(record),
      stdio: ["pipe", "ignore", "ignore"],
      env: {},
      timeout: waitMs,
      killSignal: "SIGKILL",
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === "ETIMEDOUT") return;
  }
}

/** A field of several lines can't be said to logger. */
function entryOf(record: LogFields): string {
  const lines = Object.entries(record).map(([name, value]) => [
    name,
    typeof value === "string" ? value.replaceAll("\n", " | ") : value,
  ]);
  return journalEntry(JSON.stringify(Object.fromEntries(lines))).toString();
}
