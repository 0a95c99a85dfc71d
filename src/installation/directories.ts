import type { Installation } from "./install-file.ts";
import { InstallFileError } from "./install-file-error.ts";
import { layoutOf } from "./layout.ts";

/** The keys of the directories. */
type DirectoryKey = "state_dir" | "run_dir" | "helper_run_dir";

/** A component of a path has at most so many bytes (NAME_MAX), a whole path so many (PATH_MAX, with what lies below). */
const longestName = 255;
const longestPath = 3_000;
/** The path of a unix socket has at most so many bytes (unix(7): 108 with the zero at its end). */
const longestSocket = 107;

/** Refuses what is no plain absolute path. Other odd characters are legal, and every program is given them as they are. */
export function checkDirectory(key: DirectoryKey, path: string): void {
  const refuse = (reason: string): never => {
    throw new InstallFileError(`${key}: ${JSON.stringify(path)} ${reason}`);
  };
  if (!path.startsWith("/")) refuse("is not absolute; begin it with /");
  if (path === "/") refuse("is the whole file system; name a directory of its own");
  const names = path.split("/").slice(1);
  if (names.includes("")) refuse("has an empty part; leave out the extra /");
  if (names.includes(".") || names.includes("..")) refuse("must be without . and ..; write where it leads to");
  if (names.some((name) => Buffer.byteLength(name) > longestName)) refuse(`has a part of over ${longestName} bytes`);
  if (Buffer.byteLength(path) > longestPath) refuse(`is longer than ${longestPath} bytes`);
  // ssh puts the environment's value in its place, and has no way to say that it is meant as it is written.
  if (path.includes("${")) refuse("has ${ in it, which ssh would replace; choose another name");
}

/** Refuses directories that are one, or whose sockets no program could bind. */
export function checkDirectories(installation: Installation): void {
  const directories = {
    state_dir: installation.stateDir,
    run_dir: installation.runDir,
    helper_run_dir: installation.helperRunDir,
  } as const;
  const entries = Object.entries(directories);
  for (const [index, [key, path]] of entries.entries()) {
    const same = entries.slice(index + 1).find(([, other]) => other === path);
    if (same !== undefined) throw new InstallFileError(`${key}: ${path} is the ${same[0]} too; give each its own`);
  }
  const layout = layoutOf(installation);
  const ofVm = layout.sockets("0".repeat(16));
  mustBind("run_dir", installation.runDir, [layout.daemonSocket]);
  mustBind("helper_run_dir", installation.helperRunDir, [layout.helperSocket, ofVm.qmp, ofVm.agent]);
}

function mustBind(key: DirectoryKey, directory: string, sockets: readonly string[]): void {
  const longest = Math.max(...sockets.map((path) => Buffer.byteLength(path)));
  if (longest <= longestSocket) return;
  const bytes = Buffer.byteLength(directory);
  throw new InstallFileError(
    `${key}: ${bytes} bytes are too many for the sockets in it; at most ${bytes - (longest - longestSocket)} are possible`,
  );
}
