import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BangerError } from "../../rpc/contract/errors.ts";
import { createAllocate } from "./allocate.ts";
import { isUnwritable, storeError } from "./full-disk.ts";
import { migrations } from "./migrations.ts";
import { Reserve } from "./reserve.ts";
import { logOf, Store } from "./store.ts";

/** Opens the daemon's database, bringing its schema up to date; a newer one than this daemon knows is refused, untouched. */
export function openDatabase(path: string): Store {
  const reserve = new Reserve(dirname(path), `${path}.reserve`, createAllocate());
  try {
    return new Store(open(path), reserve, path);
  } catch (error) {
    // Even to open it takes some room, for the log.
    if (!isUnwritable(error) || !reserve.release(logOf(path))) throw storeError(error, dirname(path));
    return new Store(open(path), reserve, path);
  }
}

function open(path: string): DatabaseSync {
  // SQLite makes its journal with the mode of the database: both are the owner's alone.
  closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path);
  try {
    // Nobody else opens it while a daemon runs (`Layout.daemonLock`). So its index is in this process's memory and in no file that is
    // mapped: on a full file system that writes elsewhere than it read (btrfs), storing to such a file ends the process (SIGBUS).
    database.exec("PRAGMA busy_timeout = 2000; PRAGMA locking_mode = EXCLUSIVE");
    // A VM's generation must be on disk before anything is made for it, so a commit is synced (FULL), in WAL with one sync each.
    // The log is begun anew at 1 MiB (256 pages): on a full disk what it has already is all that it gets.
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 256",
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
