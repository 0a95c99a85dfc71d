import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { BangerError } from "../rpc/contract/errors.ts";
import { printable } from "../rpc/printable.ts";
import type { OpId } from "../telemetry/op-id.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { layoutAt } from "./daemon-connection.ts";
import type { Session } from "./session.ts";

/** So many operations wait for a daemon; then the oldest goes. */
const maxFiles = 20;
const maxBytes = 64 * 1024;
const maxReason = 1_000;
const mostTries = 10;

/** What a daemon that isn't there can't be told. */
export interface Unsent {
  readonly opId: OpId;
  readonly spans: readonly SpanRecord[];
  readonly failure: unknown;
}

/**
 * Leaves an operation's spans and one line about it where the daemon finds them as soon as it answers (src/daemon/trace/unsent.ts).
 * It fails nothing and waits for nothing: where there is no such directory of ours, or no room, nothing is left.
 */
export function leaveUnsent({ config, invocation: { command } }: Session, { opId, spans, failure }: Unsent): void {
  try {
    const { unsent } = layoutAt(config);
    const uid = process.geteuid?.();
    if (!isOwn(dirname(unsent), uid)) return;
    const record = {
      op_id: opId,
      operation: `banger ${command.noun} ${command.verb}`,
      began: new Date(beganAt(spans)).toISOString(),
      at: new Date().toISOString(),
      ...outcomeOf(failure),
    };
    const bytes = fitting(record, spans);
    for (let tries = 1; ; tries++) {
      mkdirSync(unsent, { recursive: true, mode: 0o700 });
      if (!isOwn(unsent, uid)) return;
      makeRoom(unsent);
      try {
        return place(unsent, `${opId}.json`, bytes);
      } catch (error) {
        // A daemon that took all of it removes the directory when it is empty.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries === mostTries) throw error;
      }
    }
  } catch {
    // The command's own outcome stands, and says all that there is to say.
  }
}

/** Milliseconds since 1970; what has no spans is all that its process did. */
function beganAt(spans: readonly SpanRecord[]): number {
  if (spans.length === 0) return performance.timeOrigin;
  return Math.min(...spans.map(({ start_ns: ns }) => Number(BigInt(ns) / 1_000_000n)));
}

function isOwn(directory: string, uid: number | undefined): boolean {
  const facts = lstatSync(directory, { throwIfNoEntry: false });
  return facts !== undefined && facts.isDirectory() && facts.uid === uid;
}

function makeRoom(directory: string): void {
  const names = readdirSync(directory);
  if (names.length < maxFiles) return;
  const oldestFirst = names
    .map((name) => ({ name, at: lstatSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .toSorted((a, b) => a.at - b.at);
  for (const { name } of oldestFirst.slice(0, names.length - maxFiles + 1)) {
    rmSync(join(directory, name), { force: true });
  }
}

function outcomeOf(failure: unknown): { code?: string; reason?: string } {
  if (failure === undefined) return {};
  const reason =
    failure instanceof BangerError ? failure.plain : failure instanceof Error ? failure.message : "no error";
  return {
    code: failure instanceof BangerError ? failure.code : "internal",
    reason: printable(reason).slice(0, maxReason),
  };
}

/** The whole in one file's bounds; of the spans, the outermost ended last and counts most. */
function fitting(record: object, spans: readonly SpanRecord[]): Buffer {
  for (let kept = spans.length; ; kept = Math.floor(kept / 2)) {
    const bytes = Buffer.from(`${JSON.stringify({ ...record, spans: kept === 0 ? [] : spans.slice(-kept) })}\n`);
    if (bytes.length <= maxBytes || kept === 0) return bytes;
  }
}

/** Under its name only once it is whole: a daemon may look at any time. */
function place(directory: string, name: string, bytes: Buffer): void {
  write(join(directory, `.${name}`), bytes);
  renameSync(join(directory, `.${name}`), join(directory, name));
}

function write(path: string, bytes: Buffer): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
}
