import { accessSync, chmodSync, constants, lstatSync, realpathSync, statSync } from "node:fs";
import type { Installation } from "../../installation/install-file.ts";
import { errnoName } from "../../rpc/errno-name.ts";
import { makeDirectory } from "./make-directory.ts";

/** Makes the daemon's directories where they are missing, and refuses those that it couldn't keep anything in. */
export function openDirectories({ stateDir, runDir }: Installation): void {
  open("state_dir", stateDir);
  open("run_dir", runDir);
  // The helper follows no link to what it gives a VMM, and would say so only when a VM starts.
  const real = realpathSync(stateDir);
  if (real === stateDir) return;
  const how = lstatSync(stateDir).isSymbolicLink() ? "is a symbolic link to" : "is reached by a symbolic link, and is";
  throw new Error(`state_dir: ${stateDir} ${how} ${real}; write that in the install file`);
}

function open(key: string, path: string): void {
  try {
    makeDirectory(path);
    const stat = statSync(path);
    const uid = process.getuid?.();
    if (stat.uid !== uid) {
      throw new Error(
        `${key}: ${path} belongs to uid ${stat.uid}, not to the owner (uid ${uid}); \`chown\` it as root`,
      );
    }
    // Whoever else may write here could exchange what the daemon trusts.
    if ((stat.mode & 0o022) !== 0) chmodSync(path, stat.mode & 0o7755);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { path: at = path } = cause as NodeJS.ErrnoException;
    const reason = reasons[errnoName(cause)];
    if (reason === undefined) throw cause;
    throw new Error(`${key}: ${path} can't be used: ${at === path ? "it" : at} ${reason}`, { cause });
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "may not be entered or written by the owner; as root, make it with `install -d -o OWNER -m 700`",
  EEXIST: "is a link to nothing; make what it leads to, or name another",
  ENOTDIR: "is no directory; move what is there away, or name another",
  ENOENT: "can't be made there; name another",
  ELOOP: "is a symbolic link to itself; name a directory",
  EPERM: "can't be changed by the owner; as root, make it with `install -d -o OWNER -m 700`",
  ENOSPC: "lies on a full file system; free some of it",
  EDQUOT: "is beyond the owner's quota; free some of it",
  EROFS: "lies on a file system that is mounted read-only; mount it writable, or name another",
};
