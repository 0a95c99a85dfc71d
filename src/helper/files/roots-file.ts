import type { Stats } from "node:fs";
import type { Installation } from "../../installation/install-file.ts";
import { InstallFileError } from "../../installation/install-file-error.ts";
import { readInstallFile } from "../../installation/read-install-file.ts";

/** Reads the install file, which must be root's and writable by nobody else: it says whose commands the helper takes. */
export function readRootsFile(path: string): Installation {
  // Root's process is steered by no environment (bin/bangerd-root).
  return readInstallFile(path, {
    noLink: true,
    named: "--config; $BANGER_CONFIG isn't read here",
    check: mustBeRoots,
  });
}

function mustBeRoots({ uid, mode }: Stats): void {
  if (uid !== 0)
    throw new InstallFileError(`belongs to uid ${uid}, not to root; \`chown root\` it when you have read it`);
  if ((mode & 0o022) === 0) return;
  const octal = (mode & 0o7777).toString(8).padStart(4, "0");
  throw new InstallFileError(
    `may be written by others than root (mode ${octal}); \`chmod go-w\` it when you have read it`,
  );
}
