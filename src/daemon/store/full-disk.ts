import { BangerError } from "../../rpc/contract/errors.ts";

const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

/** True for what SQLite says when it can't write: a full disk shows as either, by the file that it meets. */
export function isUnwritable(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  // Extended result codes have the primary one in their low byte.
  return code === "ERR_SQLITE_ERROR" && [SQLITE_IOERR, SQLITE_FULL].includes(Number(errcode) & 0xff);
}

/** A failure of the store as an error of the table: a full disk is no bug. */
export function storeError(error: unknown, directory: string): unknown {
  if (!isUnwritable(error)) return error;
  return new BangerError("no_space", `${directory} can't be written: ${(error as Error).message}`, {
    cause: error,
    details: { directory },
  });
}
