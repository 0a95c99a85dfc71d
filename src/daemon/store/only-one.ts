import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Makes sure that no other process does what this one begins: the lock is the kernel's, and ends with the process. */
export function onlyOne(path: string, what: string): Disposable {
  // SQLite would make it readable by all.
  closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    throw new Error(`${what} is running already (${path} is locked)`, { cause });
  }
  return { [Symbol.dispose]: () => database.close() };
}
