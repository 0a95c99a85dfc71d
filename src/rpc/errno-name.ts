import { constants } from "node:os";

/** The name of what a system call failed with, or "". Node names neither EDQUOT nor ESTALE: it says "Unknown system error -122". */
export function errnoName(error: unknown): string {
  const { code, errno } = error as NodeJS.ErrnoException;
  // An abort's reason has a number for a code.
  if (typeof code !== "string") return "";
  if (!code.startsWith("Unknown system error") || errno === undefined) return code;
  return Object.entries(constants.errno).find(([, number]) => number === -errno)?.[0] ?? code;
}
