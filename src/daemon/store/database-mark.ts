import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Layout } from "../../installation/layout.ts";
import type { Logger } from "../../telemetry/log.ts";
import { type PlacesDeps, unownedPlaces } from "./places.ts";
import type { Store } from "./store.ts";

/** What telling whether this is the state's own database needs. */
export interface DatabaseMarkDeps extends PlacesDeps {
  readonly layout: PlacesDeps["layout"] & Pick<Layout, "databaseMark">;
  readonly log: Logger;
}

/** A database that isn't the one that this state was last used with, while things lie here of which it knows nothing. */
export interface Replaced {
  /** `new`: it was just made. `older`: a copy from before. */
  readonly database: "new" | "older";
  /** How many directories of VMs, images and kernels have no record. */
  readonly unowned: number;
}

/** Where neither is known: nothing is to be told from. */
const unmarked = { mark: null, before: null };

/**
 * Each daemon that starts writes a new mark into the database and beside it. Where the two differ the database was exchanged, and
 * until nothing is left that it doesn't know, or the right one is back, no mark is written. Returns how that is now.
 */
export function compareMarks(deps: DatabaseMarkDeps): () => Replaced | undefined {
  const found = marksOf(deps);
  const database = found.mark === null ? "new" : "older";
  const isOwn = found.agree && !isNew(deps.database);
  const replaced = (): Replaced | undefined => {
    const unowned = isOwn ? 0 : unownedPlaces(deps).length;
    return unowned > 0 ? { database, unowned } : undefined;
  };
  const now = replaced();
  if (now === undefined) {
    renew(deps, found);
    return () => undefined;
  }
  deps.log.error({ ...now, file: deps.layout.databaseMark }, saysOf(now));
  return replaced;
}

/** That, in words. */
export function saysOf({ database, unowned }: Replaced): string {
  const what = database === "new" ? "the database is new" : "the database is older than what lies beside it";
  return `${what}: ${unowned} directories of VMs, images and kernels have no record; nothing of them is removed`;
}

interface Marks {
  readonly beside: string | undefined;
  readonly mark: string | null;
  readonly agree: boolean;
}

function marksOf({ layout, database }: DatabaseMarkDeps): Marks {
  const { mark, before } = (database.prepare("SELECT mark, before FROM marks").get() ?? unmarked) as typeof unmarked;
  const beside = read(layout.databaseMark);
  // A daemon that ended between its two marks left the one beside as it was before.
  return { beside, mark, agree: beside === undefined || beside === mark || beside === before };
}

function renew({ layout, database, log }: DatabaseMarkDeps, { beside, mark, agree }: Marks): void {
  const next = randomBytes(16).toString("hex");
  const draft = `${layout.databaseMark}.new`;
  try {
    database.write(() => {
      database.prepare("DELETE FROM marks").run();
      database
        .prepare("INSERT INTO marks (mark, before) VALUES (?, ?)")
        .run(next, (agree ? beside : undefined) ?? mark);
    });
    writeFileSync(draft, `${next}\n`, { mode: 0o600 });
    renameSync(draft, layout.databaseMark);
  } catch (error) {
    removeQuietly(draft);
    log.warn({ err: error }, "the database could not be marked: were it exchanged, that would go unnoticed");
  }
}

/** A database that knows of nothing, not even of a request. */
function isNew(database: Store): boolean {
  const tables = ["vms", "images", "kernels", "volumes", "marks"];
  return tables.every((table) => database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() === undefined);
}

/** What a full disk left of a mark is none; what can't be removed either is overwritten by the next. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Why the mark could not be written is said.
  }
}

/** The mark beside; one that was cut off is none. */
function read(path: string): string | undefined {
  try {
    return /^([0-9a-f]{32})\n$/.exec(readFileSync(path, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
