import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { BangerError } from "../../rpc/contract/errors.ts";
import { logRoomBytes } from "../../telemetry/log-room.ts";
import type { LocalContext } from "../command.ts";
import type { LogRecord } from "./log-record.ts";
import type { Asked } from "./which-records.ts";

/** A daemon that doesn't answer holds nobody up longer than this. */
const askedMs = 2_000;

/** What is looked at. */
export interface MissingDeps extends Pick<LocalContext, "call"> {
  /** `log` of the layout. */
  readonly path: string;
  readonly asked: Asked;
  /** The operations that are shown. */
  readonly opIds: ReadonlySet<string>;
  readonly records: readonly LogRecord[];
}

/**
 * Says what is missing behind the records that are shown, where the log could not be written: `last` is an older operation then.
 * What the log says of it itself is said for that alone; undefined where nothing is known to be missing.
 */
export async function missingRecords(deps: MissingDeps): Promise<string | undefined> {
  const { path, asked, call } = deps;
  try {
    const { logs } = await call("ping", {}, { deadlineMs: askedMs, graceMs: 0 });
    if (logs !== undefined && logs.untold > 0) {
      return `the newest records (${logs.untold}) could not be kept: ${path} has no room, or can't be written${await lastOf(deps)}`;
    }
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
    if (!hasRoom(path)) {
      return `the newest records may be missing: ${dirname(path)} is full${asked.of === "last" ? "; this may be an older operation" : ""}`;
    }
  }
  const dropped = asked.of === "last" ? droppedBehind(deps) : 0;
  if (dropped === 0) return undefined;
  return `${dropped} records that are newer could not be kept: the disk was full then; this may be an older operation`;
}

/** Which operation is the last that the daemon knows. */
async function lastOf({ call, asked, opIds }: MissingDeps): Promise<string> {
  if (asked.of !== "last") return "";
  const { operations } = await call("traceList", { limit: 1 }, { deadlineMs: askedMs, graceMs: 0 });
  const [newest] = operations;
  if (newest === undefined || opIds.has(newest.op_id)) return "";
  return `; this is an older operation. The newest is ${newest.op_id}, ${newest.name}: \`banger trace show ${newest.op_id}\` shows its spans`;
}

function hasRoom(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize > logRoomBytes;
  } catch {
    // There is no log yet, so there is nothing older in it.
    return true;
  }
}

/** What gaps say that stand behind the first record of what is shown. */
function droppedBehind({ records, opIds }: MissingDeps): number {
  const first = records.findIndex(({ op_id: opId }) => opId !== undefined && opIds.has(opId));
  return records
    .slice(first + 1)
    .reduce(
      (sum, { dropped, op_id: opId }) => sum + (opId === undefined && typeof dropped === "number" ? dropped : 0),
      0,
    );
}
