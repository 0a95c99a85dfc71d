import { readFileSync, statSync } from "node:fs";

/** The process that holds a lock on a file (proc_locks(5)); undefined where none does, or none that can be seen from here. */
export function lockHolder(path: string): number | undefined {
  try {
    const { ino } = statSync(path);
    const held = new RegExp(`^\\d+: POSIX +ADVISORY +WRITE (\\d+) [^ ]+:${ino} `, "m").exec(
      readFileSync("/proc/locks", "utf8"),
    );
    return held === null ? undefined : Number(held[1]);
  } catch {
    return undefined;
  }
}
