import { mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Layout } from "../../installation/layout.ts";
import type { Logger } from "../../telemetry/log.ts";
import { ownNamespace } from "../image/rootless.ts";
import { entriesOf } from "../process/entries-of.ts";
import type { Run } from "../process/run.ts";
import { allPlaces, homeOf, type PlacesDeps } from "./places.ts";

/** What removing halves needs. */
export interface HalvesDeps extends PlacesDeps {
  readonly layout: PlacesDeps["layout"] & Pick<Layout, "scratch" | "volume">;
  readonly run: Run;
  readonly log: Logger;
}

/** What scratch directories are called, and what is put aside there. */
const scratchName = /^(make|without-record)-/;
/** A volume's disk that is being removed. */
const volumeName = /^volume-([0-9a-f]{16})$/;

/** What lies half made, or half removed, while nothing is being made: scratch, and what is called a half and has no record. */
export function findHalves(deps: HalvesDeps): string[] {
  const { scratch } = deps.layout;
  const inScratch = entriesOf(scratch).filter((name) => scratchName.test(name));
  const volumes = volumesAside(deps).filter(({ recorded }) => !recorded);
  const inPlace = allPlaces(deps).filter(({ half, recorded }) => half && !recorded);
  return [
    ...inScratch.map((name) => join(scratch, name)),
    ...volumes.map(({ path }) => path),
    ...inPlace.map(({ path }) => path),
  ];
}

/**
 * What is done about halves when a daemon starts: those whose record is there are put back. The others are put aside at once, so
 * that nothing new is taken for one; they are for `removeHalves`.
 */
export function setHalvesAside(deps: HalvesDeps): string[] {
  for (const place of allPlaces(deps)) move(place.path, homeOf(place), deps);
  for (const { path, id, recorded } of volumesAside(deps)) if (recorded) move(path, deps.layout.volume(id), deps);
  const { scratch } = deps.layout;
  return findHalves(deps).map((path) => {
    if (dirname(path) === scratch) return path;
    return move(path, join(scratch, `without-record-${basename(path)}`), deps) ?? path;
  });
}

/** Where it is then; undefined where that can't be. */
function move(from: string, to: string | undefined, { layout: { scratch }, log }: HalvesDeps): string | undefined {
  if (to === undefined) return undefined;
  try {
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    renameSync(from, to);
    return to;
  } catch (error) {
    log.error({ err: error, path: from }, "what was half made or half removed could not be moved");
    return undefined;
  }
}

function volumesAside({
  layout: { scratch },
  database,
}: HalvesDeps): { path: string; id: string; recorded: boolean }[] {
  return entriesOf(scratch).flatMap((name) => {
    const id = volumeName.exec(name)?.[1];
    if (id === undefined) return [];
    const recorded = database.prepare("SELECT 1 FROM volumes WHERE id = ?").get(id) !== undefined;
    return [{ path: join(scratch, name), id, recorded }];
  });
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

/** Removes a half, also what subordinate ids own. */
export async function removeHalf(path: string, run: Run): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EACCES", "EPERM", "ENOTEMPTY"].includes(code)) throw error;
    // Only who is root for these ids may remove their files.
    await run({ file: "rm", args: ["-rf", "--", path], on: path, within: ownNamespace, ownUnit: true });
  }
}
