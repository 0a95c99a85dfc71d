import { readFileSync } from "node:fs";
import type { HostUsers } from "../../installation/uid-range.ts";

/** Who this host's own files of users know; a file that isn't there names nobody. */
export function hostUsers(): HostUsers {
  return {
    passwd: textOf("/etc/passwd"),
    group: textOf("/etc/group"),
    subuid: textOf("/etc/subuid"),
    subgid: textOf("/etc/subgid"),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
