import { BangerError } from "../../rpc/contract/errors.ts";

const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

/** What else the host may refuse SQLite (sqlite.org/rescode.html): BUSY, NOMEM, READONLY and CANTOPEN. */
const hostReasons: Readonly<Record<number, string>> = {
  5: "the database is open in another program; close that",
  7: "the host has no memory left for the database; stop something",
  8: "the database can't be written; mount its file system writable, and give back its owner and mode",
  14: "the database can't be opened; give back its owner and mode, and raise the limit of descriptors if it is small",
};

/** Extended result codes have the primary one in their low byte. */
function primaryCode(error: unknown): number {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return code === "ERR_SQLITE_ERROR" ? Number(errcode) & 0xff : 0;
}

/** True for what SQLite says when it can't write: a full disk shows as either, by the file that it meets. */
export function isUnwritable(error: unknown): boolean {
  return [SQLITE_IOERR, SQLITE_FULL].includes(primaryCode(error));
}

/** A failure of the store as an error of the table: a full disk is no bug. */
export function storeError(error: unknown, directory: string): unknown {
  if (!isUnwritable(error)) {
    const reason = hostReasons[primaryCode(error)];
    if (reason === undefined) return error;
    return new BangerError("host_failed", `${directory}: ${reason}`, { cause: error, details: { directory } });
  }
  return new BangerError("no_space", `${directory} can't be written: ${(error as Error).message}`, {
    cause: error,
    details: { directory },
  });
}
