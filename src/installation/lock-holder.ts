import { readFileSync, statSync } from "node:fs";

/** The process that holds a lock on a file (proc_locks(5)); undefined where none does, or none that can be seen from here. */
export function lockHolder(path: string): number | undefined {
  try {
    const { dev, ino } = statSync(path);
    const held = new RegExp(`^\\d+: (?:POSIX|FLOCK) +ADVISORY +WRITE (\\d+) ${deviceText(dev)}:${ino} `, "m").exec(
      readFileSync("/proc/locks", "utf8"),
    );
    return held === null ? undefined : Number(held[1]);
  } catch {
    return undefined;
  }
}

/** A device's numbers as the kernel prints them; packed into one they lie as makedev(3) has them. */
function deviceText(dev: number): string {
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
  return [major, minor].map((number) => number.toString(16).padStart(2, "0")).join(":");
}
