import { statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { Run } from "./run.ts";

/** How long the file system of a source has to answer. */
const answersWithinMs = 10_000;

/** A child asks first: a file system that hangs would hang the daemon with it. */
export async function mustAnswer(path: string, field: string, run: Run, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(answersWithinMs);
  await run({
    file: "stat",
    args: ["--dereference", "--", path],
    on: path,
    signal: AbortSignal.any([signal, limit]),
  }).catch((cause: unknown) => {
    signal.throwIfAborted();
    if (limit.aborted)
      throw unfit(field, `${path} lies on a file system that doesn't answer; give a copy on another`, cause);
    // What it says is judged by the calls that follow.
  });
}

/** Notes what a file is; what is returned refuses it when it is no longer that. */
export function steadyFile(path: string, field: string): () => void {
  const before = identityOf(path);
  return () => {
    if (identityOf(path) !== before)
      throw unfit(field, `${path} changed while it was read; import it when nothing writes it`);
  };
}

function unfit(field: string, why: string, cause?: unknown): BangerError {
  return new BangerError("bad_content", `${field}: ${why}`, { cause, details: { field } });
}

/** A file that has gone is another than it was. */
function identityOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "gone" : [stat.dev, stat.ino, stat.size, stat.mtimeNs].join(":");
}
