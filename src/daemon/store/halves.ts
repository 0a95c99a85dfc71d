import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import type { Logger } from "../../telemetry/log.ts";
import { ownNamespace } from "../image/rootless.ts";
import type { Run } from "../process/run.ts";
import type { Store } from "./store.ts";

/** What removing halves needs. */
export interface HalvesDeps {
  readonly layout: Pick<Layout, "scratch" | "images" | "kernels">;
  readonly database: Store;
  readonly run: Run;
  readonly log: Logger;
}

/**
 * Finds what a daemon that was killed left half made: whatever lies in the scratch directory, and directories of images and
 * kernels without a record. They are put aside at once, so that nothing new is taken for one, and are for `removeHalves`.
 */
export function setHalvesAside({ layout, database, log }: HalvesDeps): string[] {
  const { scratch, images, kernels } = layout;
  for (const [table, directory] of [
    ["images", images],
    ["kernels", kernels],
  ] as const) {
    const known = new Set(
      database
        .prepare(`SELECT id FROM ${table}`)
        .all()
        .map((row) => row["id"]),
    );
    for (const id of entriesOf(directory)) {
      if (known.has(id)) continue;
      try {
        mkdirSync(scratch, { recursive: true, mode: 0o700 });
        renameSync(join(directory, id), join(scratch, `without-record-${id}`));
      } catch (error) {
        log.error({ err: error }, "what has no record could not be put aside");
      }
    }
  }
  return entriesOf(scratch).map((name) => join(scratch, name));
}

/** Removes what was put aside, also what subordinate ids own; one that can't be removed doesn't stop the others. */
export async function removeHalves(halves: readonly string[], { run, log }: HalvesDeps): Promise<void> {
  for (const half of halves) {
    try {
      await removeHalf(half, run);
      log.info({ path: half }, "removed what was half made");
    } catch (error) {
      log.error({ err: error, path: half }, "what was half made could not be removed");
    }
  }
}

async function removeHalf(path: string, run: Run): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EACCES", "EPERM", "ENOTEMPTY"].includes(code)) throw error;
    // Only who is root for these ids may remove their files.
    await run({ file: "rm", args: ["-rf", "--", path], within: ownNamespace });
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
