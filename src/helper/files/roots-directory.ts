import { chmodSync, lstatSync, mkdirSync, readlinkSync, type Stats } from "node:fs";

const sticky = 0o1000;
const writableByOthers = 0o022;

/** Makes a directory of root's where it is missing, sets its mode, and refuses it where anybody else could exchange it or what lies above it. */
export function makeRootsDirectory(path: string, mode: number): void {
  const parts = path.split("/").slice(1);
  mustBeRoots("/", path, lstatSync("/"));
  for (let depth = 1; depth <= parts.length; depth++) {
    const reached = `/${parts.slice(0, depth).join("/")}`;
    if (lstatSync(reached, { throwIfNoEntry: false }) === undefined) {
      mkdirSync(reached, { mode: 0o755 });
      chmodSync(reached, 0o755);
    }
    // Its own mode is set below, whatever it was.
    mustBeRoots(reached, path, lstatSync(reached), depth === parts.length);
  }
  chmodSync(path, mode);
}

/** A sticky directory lets others make things, and exchange none of root's. */
function mustBeRoots(reached: string, path: string, stat: Stats, isLast = false): void {
  const refuse = (why: string): never => {
    throw new Error(`helper_run_dir: ${path} is not used: ${reached} ${why}`);
  };
  if (stat.isSymbolicLink()) refuse(`is a symbolic link to ${readlinkSync(reached)}; name what it leads to`);
  if (!stat.isDirectory()) refuse("is no directory; remove it");
  if (stat.uid !== 0) refuse(`belongs to uid ${stat.uid}; it must be root's: chown root it, or name another directory`);
  if (!isLast && (stat.mode & writableByOthers) !== 0 && (stat.mode & sticky) === 0) {
    refuse(`may be written by others (0${(stat.mode & 0o7777).toString(8)}); chmod go-w it, or name another directory`);
  }
}
