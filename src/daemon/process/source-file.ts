import { accessSync, constants, type Stats, statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import { bytesAt } from "./bytes-at.ts";

/** Refuses a source that isn't a file that the daemon can read. */
export function mustBeReadable(path: string, field: string): void {
  const details = { field };
  reading(field, () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      const hint = "Check its name; a path that doesn't begin with / begins in the directory you are in.";
      throw new BangerError("not_found", `${field}: ${path} isn't there`, { details: { ...details, hint } });
    }
    if (!stat.isFile()) {
      const [kind, next] = kindOf(stat);
      throw new BangerError("bad_content", `${field}: ${path} is ${kind}, not a file${next}`, { details });
    }
    accessSync(path, constants.R_OK);
    // Some of /proc, and a disk that fails, say only so what they are.
    bytesAt(path, 0, 1);
  });
}

/** Why a path leads to nothing. */
const odds: Readonly<Record<string, string>> = {
  ELOOP: "is a symbolic link that leads to itself",
  ENOTDIR: "goes through something that is no directory",
  ENAMETOOLONG: "has too long a name",
};

/** Runs `work`, which reads what `field` names; where permission lacks, it says so, and what helps. */
export function reading<T>(field: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const { code, path = "it" } = cause as NodeJS.ErrnoException;
    const odd = odds[code ?? ""];
    if (odd !== undefined)
      throw new BangerError("bad_content", `${field}: ${path} ${odd}`, { cause, details: { field } });
    if (code === "EIO") {
      const next = "its disk fails (see the kernel's log), or it is no ordinary file; give a copy that can be read";
      throw new BangerError("host_failed", `${field}: ${path} can't be read (EIO): ${next}`, {
        cause,
        details: { field },
      });
    }
    if (code !== "EACCES" && code !== "EPERM") throw cause;
    const who = `the daemon's user (uid ${process.getuid?.()})`;
    throw new BangerError(
      "bad_params",
      `${field}: ${path} can't be read by ${who}; make it readable (\`chmod a+r\`), its directories too, or give a copy`,
      { cause, details: { field } },
    );
  }
}

/** In words, what is no file, and what makes one of it. */
function kindOf(stat: Stats): [kind: string, next: string] {
  if (stat.isDirectory()) return ["a directory", ""];
  if (stat.isFIFO()) return ["a FIFO", "; save what comes from it to a file first"];
  if (stat.isSocket()) return ["a socket", ""];
  return ["a device", "; copy what is on it to a file first"];
}
