import type { DiskUse } from "../driver.ts";
import { objectOf } from "./json.ts";

/** The root disk's counters in what `query-blockstats` answers (qapi/block-core.json, BlockStats); undefined where they aren't there. */
export function rootDiskUse(answer: unknown): DiskUse | undefined {
  const devices = Array.isArray(answer) ? answer.map(objectOf) : [];
  const stats = objectOf(devices.find((device) => device?.["node-name"] === "root")?.["stats"]);
  const [readBytes, writtenBytes] = [stats?.["rd_bytes"], stats?.["wr_bytes"]];
  return isCount(readBytes) && isCount(writtenBytes) ? { readBytes, writtenBytes } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
