import { readFileSync } from "node:fs";
import type { Installation } from "../../installation/install-file.ts";

/** Ids that follow each other. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** Which fields of these files are ids, and how many from there on. */
const files = [
  { path: "/etc/passwd", ids: [2, 3], count: undefined },
  { path: "/etc/group", ids: [2], count: undefined },
  { path: "/etc/subuid", ids: [1], count: 2 },
  { path: "/etc/subgid", ids: [1], count: 2 },
] as const;

/** The ids that this host's users and groups have, and those that they may use below themselves. A file that isn't there names none. */
export function idsOfUsers(): IdRange[] {
  return files.flatMap(({ path, ids, count }) =>
    lines(path).flatMap((line) => {
      const fields = line.split(":");
      return ids
        .map((field) => ({ first: number(fields[field]), count: count === undefined ? 1 : number(fields[count]) }))
        .filter((range) => Number.isSafeInteger(range.first) && range.count > 0);
    }),
  );
}

/** True for an id of one of the ranges. */
export function isIn(ranges: readonly IdRange[], id: number): boolean {
  return ranges.some(({ first, count }) => id >= first && id < first + count);
}

/** What is worth a word when the helper starts: no VM gets an id that a user has, perhaps since a `useradd`. */
export function usersWarning({ uidFirst, uidCount }: Pick<Installation, "uidFirst" | "uidCount">): string | undefined {
  const users = idsOfUsers();
  const taken = Array.from({ length: uidCount }, (_, step) => uidFirst + step).filter((uid) => isIn(users, uid)).length;
  if (taken === 0) return undefined;
  return `uid_first: ${taken} of the ${uidCount} uids from ${uidFirst} on are users' (/etc/passwd, group, subuid or subgid), so no VM gets them; choose a range that nobody has`;
}

function number(text: string | undefined): number {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
