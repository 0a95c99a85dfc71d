import { readFileSync } from "node:fs";

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
