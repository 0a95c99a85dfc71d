import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { BangerError } from "../../rpc/contract/errors.ts";
import { migrations } from "./migrations.ts";

/** Opens the daemon's database, bringing its schema up to date; a newer one than this daemon knows is refused, untouched. */
export function openDatabase(path: string): DatabaseSync {
  // SQLite makes its journal with the mode of the database: both are the owner's alone.
  closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path);
  try {
    // A VM's generation must be on disk before anything is made for it, so a commit is synced (FULL), in WAL with one sync each.
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 2000",
    );
    migrate(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > migrations.length) {
    throw new BangerError(
      "bad_version",
      `${path} has schema ${version}, this daemon knows ${migrations.length}: it was written by a newer banger`,
    );
  }
  for (const [index, statements] of migrations.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN IMMEDIATE; ${statements}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}
