import { existsSync, mkdirSync } from "node:fs";

/** Makes a directory and those above it that are missing. Not by `recursive`, which tries for ever where none can be made, as in /proc. */
export function makeDirectory(path: string): void {
  for (let end = path.indexOf("/", 1); ; end = path.indexOf("/", end + 1)) {
    const reached = end === -1 ? path : path.slice(0, end);
    if (!existsSync(reached)) mkdirSync(reached, { mode: 0o700 });
    if (end === -1) return;
  }
}
