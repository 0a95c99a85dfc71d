import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { type Installation, parseInstallFile } from "../../installation/install-file.ts";

/** Reads the install file, which must be root's and writable by nobody else: it says whose commands the helper takes. */
export function readRootsFile(path: string): Installation {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.uid !== 0 || (stat.mode & 0o022) !== 0) {
      throw new Error(`${path} must be a file of root's that nobody else may write`);
    }
    return parseInstallFile(readFileSync(fd, "utf8"));
  } finally {
    closeSync(fd);
  }
}
