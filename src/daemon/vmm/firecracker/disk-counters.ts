import { z } from "zod";
import type { Remembered } from "./remembered.ts";

const count = z.int().min(0);
/** What is read of a line of metrics: what was counted since the line before it (docs/metrics.md). */
const shape = z.object({
  // Before its guest was started there is no disk yet.
  block_root: z.object({ read_bytes: count, write_bytes: count }).default({ read_bytes: 0, write_bytes: 0 }),
  logger: z.object({ missed_metrics_count: count }),
});

/** What a guest read and wrote with what a line of metrics adds; null when a line can't be read or says that others are missing. */
export function withLine(disk: Remembered["disk"], line: string): Remembered["disk"] {
  const said = shape.safeParse(jsonOf(line)).data;
  if (disk === null || said === undefined || said.logger.missed_metrics_count > 0) return null;
  const read_bytes = disk.read_bytes + said.block_root.read_bytes;
  const written_bytes = disk.written_bytes + said.block_root.write_bytes;
  return Number.isSafeInteger(read_bytes) && Number.isSafeInteger(written_bytes) ? { read_bytes, written_bytes } : null;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
