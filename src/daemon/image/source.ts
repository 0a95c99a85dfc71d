import { statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { bytesAt } from "../process/bytes-at.ts";
import type { Run } from "../process/run.ts";
import { mustBeReadable, reading } from "../process/source-file.ts";
import { mustAnswer, steadyFile } from "../process/steady-file.ts";
import { headBytes } from "./recognise.ts";

/** A file that an image is made from. */
export interface Source {
  readonly path: string;
  readonly head: Buffer;
  /** Refuses it when it is no longer what it was when it was opened. */
  readonly mustBeUnchanged: () => void;
}

/** Opens what a person gave: a file that is there, answers, can be read and holds something. */
export async function openSource(path: string, run: Run, signal: AbortSignal): Promise<Source> {
  await mustAnswer(path, "source", run, signal);
  if (reading("source", () => statSync(path, { throwIfNoEntry: false }))?.isDirectory() === true) {
    throw refused(
      path,
      `is a directory; pack it, as root so that its owners are kept: tar -C ${path} --numeric-owner --xattrs -cf root.tar .`,
    );
  }
  mustBeReadable(path, "source");
  const mustBeUnchanged = steadyFile(path, "source");
  const head = bytesAt(path, 0, headBytes);
  if (head.length === 0) throw refused(path, "is empty; check what it was made from");
  return { path, head, mustBeUnchanged };
}

/** A source that isn't what it should be, with the reason and the next step. */
export function refused(path: string, why: string, cause?: unknown): BangerError {
  return new BangerError("bad_content", `source: ${path} ${why}`, { cause, details: { field: "source" } });
}
