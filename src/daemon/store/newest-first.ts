/**
 * How operations are ordered, newest first. What began in the future began before the clock was set back: it is older than all that
 * didn't, or it would be kept for years in place of what happens now.
 */
export const newestFirst = "ORDER BY started_ns > (unixepoch() + 2) * 1000000000, started_ns DESC";
